//! A widget app's secret as its owner's backend holds it: `sas_` and 64 hexadecimal characters, the
//! last eight of which are a checksum.

use std::fmt;

use model::Random;
use vault::Secret;

use crate::checked;

const PREFIX: &str = "sas_";

/// A whole app secret. Shown once, to the one it is made for; nothing keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainAppSecret(Secret);

impl fmt::Debug for PlainAppSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainAppSecret(***)")
    }
}

impl PlainAppSecret {
    /// Makes one.
    pub fn mint(random: &dyn Random) -> Self {
        Self(checked::mint(PREFIX, random))
    }

    /// Reads one; `None` when the shape or the checksum is wrong.
    pub fn parse(text: &str) -> Option<Self> {
        checked::is_well_formed(PREFIX, text).then(|| Self(Secret::new(text.to_owned())))
    }

    /// The secret itself, to be shown to its owner.
    pub fn expose_app_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use model::OsRandom;

    use super::*;

    #[test]
    fn an_app_secret_has_its_form() {
        let secret = PlainAppSecret::mint(&OsRandom);
        let text = secret.expose_app_secret();
        assert_eq!(text.len(), 68);
        assert_eq!(PlainAppSecret::parse(text), Some(secret.clone()));
        assert!(!format!("{secret:?}").contains(&text[4..]));
        let key = text.replace("sas_", "sigmic_");
        for wrong in ["", "sas_", &text[..67], &text.to_uppercase(), &key] {
            assert_eq!(PlainAppSecret::parse(wrong), None, "{wrong}");
        }
    }
}
