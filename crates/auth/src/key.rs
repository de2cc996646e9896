//! An API key as its owner holds it: `sigmic_`, 56 random hexadecimal characters, and the CRC-32
//! of these 63 characters.

use std::fmt;

use model::Random;
use vault::Secret;

use crate::checked;

const PREFIX: &str = "sigmic_";
/// How much of a key is kept for people to know it by.
const SHOWN_CHARS: usize = 12;

/// A whole API key. Shown once, to the one it is made for; nothing keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainKey(Secret);

impl fmt::Debug for PlainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainKey(***)")
    }
}

/// A text that begins like a key and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed API key")]
pub struct MalformedKey;

impl PlainKey {
    /// Makes a key.
    pub fn mint(random: &dyn Random) -> Self {
        Self(checked::mint(PREFIX, random))
    }

    /// Whether a text claims to be a key.
    pub(crate) fn is_claimed_by(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`MalformedKey`] when the shape or the checksum is wrong.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        if checked::is_well_formed(PREFIX, text) {
            Ok(Self(Secret::new(text.to_owned())))
        } else {
            Err(MalformedKey)
        }
    }

    /// The key itself, to be shown to its owner.
    pub fn expose_key(&self) -> &str {
        self.0.expose_secret()
    }

    /// Its first 12 characters, by which people know it.
    pub fn prefix(&self) -> &str {
        &self.expose_key()[..SHOWN_CHARS]
    }
}

#[cfg(test)]
mod tests {
    use model::OsRandom;

    use super::*;

    #[test]
    fn a_minted_key_has_the_documented_shape() {
        let key = PlainKey::mint(&OsRandom);
        let text = key.expose_key();
        assert_eq!(text.len(), 71);
        assert!(text.starts_with("sigmic_"));
        assert_eq!(PlainKey::parse(text), Ok(key.clone()));
        assert_eq!(key.prefix(), &text[..12]);
        assert_ne!(key, PlainKey::mint(&OsRandom));
        assert!(!format!("{key:?}").contains(&text[7..20]));
    }

    /// CRC-32 ISO-HDLC, as other programs compute it (`zlib.crc32` of Python).
    #[test]
    fn the_checksum_is_the_common_one() {
        let checked = format!("sigmic_{}", "0".repeat(56));
        let key = format!("{checked}{:08x}", crc32fast::hash(checked.as_bytes()));
        assert_eq!(&key[63..], "67284ffb");
        PlainKey::parse(&key).unwrap();
    }

    #[test]
    fn every_other_text_is_malformed() {
        let key = PlainKey::mint(&OsRandom);
        let good = key.expose_key();
        for at in 0..good.len() {
            let mut wrong = good.to_owned().into_bytes();
            wrong[at] = if wrong[at] == b'0' { b'1' } else { b'0' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert_eq!(PlainKey::parse(&wrong), Err(MalformedKey), "at {at}");
        }
        let upper = format!("sigmic_{}", good[7..].to_uppercase());
        for wrong in [
            "",
            "sigmic_",
            &good[..70],
            &format!("{good}0"),
            &upper,
            &format!(" {good}"),
        ] {
            assert_eq!(PlainKey::parse(wrong), Err(MalformedKey), "{wrong}");
        }
        let multibyte = format!("sigmic_{}", "é".repeat(32));
        assert_eq!(PlainKey::parse(&multibyte), Err(MalformedKey));
    }
}
