//! A text that must not be seen.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroize;

/// A secret text. Shows nothing in logs, cannot be serialised, and is wiped when dropped. It is
/// compared in time that depends on its length only.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a text over; the caller keeps no other copy.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself. Each use is a place to look at.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing() {
        let secret = Secret::new("hunter2hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), "Secret(***)");
        assert_eq!(secret.expose_secret(), "hunter2hunter2");
        assert_eq!(secret, secret.clone());
        assert_ne!(secret, Secret::new("hunter2hunter3".to_owned()));
    }
}
