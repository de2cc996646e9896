//! A provider's key.

use std::fmt;

use zeroize::Zeroizing;

/// A key for a provider. It is not printed, not serialised, and wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// Takes a key as the operator configured it; white space around it is dropped.
    pub fn new(key: impl Into<String>) -> Self {
        let key = Zeroizing::new(key.into());
        Self(Zeroizing::new(key.trim().to_owned()))
    }

    /// Whether there is no key in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key itself: for the `Authorization` header, and for finding it in texts that must not
    /// hold it.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_printed() {
        let key = ApiKey::new(" sk-very-secret\n");
        assert_eq!(key.expose_secret(), "sk-very-secret");
        assert_eq!(format!("{key:?}"), "ApiKey(redacted)");
    }
}
