//! A random text that stands for something kept: a sign-in, an invitation, a link that lets its
//! holder choose a password. Only its hash is kept; it has no more to say than that it is known.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Random;
use sha2::{Digest as _, Sha256};
use vault::Secret;

const BYTES: usize = 32;
/// Characters of 32 bytes in base64 without padding.
const CHARS: usize = 43;

/// A whole token: 256 random bits. Shown once, to the one it is made for.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainToken(Secret);

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainToken(***)")
    }
}

impl PlainToken {
    /// Makes one.
    pub fn mint(random: &dyn Random) -> Self {
        let mut bytes = zeroize::Zeroizing::new([0; BYTES]);
        random.fill(bytes.as_mut_slice());
        Self(Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
    }

    /// Reads one; `None` when it cannot be one. One token has one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = (text.len() == CHARS)
            .then(|| URL_SAFE_NO_PAD.decode(text).ok())
            .flatten()?;
        (bytes.len() == BYTES).then(|| Self(Secret::new(text.to_owned())))
    }

    /// The token itself, to be shown to the one it is made for.
    pub fn expose_token(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is kept of it. Of 256 random bits a plain hash gives nothing away.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.expose_token().as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use model::OsRandom;

    use super::*;

    #[test]
    fn a_token_has_its_form_and_one_spelling() {
        let token = PlainToken::mint(&OsRandom);
        let text = token.expose_token();
        assert_eq!(text.len(), 43);
        assert_eq!(PlainToken::parse(text), Some(token.clone()));
        assert_eq!(PlainToken::parse(text).unwrap().hash(), token.hash());
        assert_ne!(token, PlainToken::mint(&OsRandom));
        assert!(!format!("{token:?}").contains(&text[..8]));
        // The last character carries two bits of nothing: only zeros are written there.
        let spare = format!("{}{}", &text[..42], "B");
        for wrong in [
            "",
            &text[..42],
            &format!("{text}A"),
            &spare,
            &"+".repeat(43),
        ] {
            assert_eq!(PlainToken::parse(wrong), None, "{wrong}");
        }
    }
}
