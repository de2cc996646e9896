//! Addresses that people sign in with.

/// Bytes of an address at most, as mail has it.
const MAX_BYTES: usize = 254;

/// An e-mail address in the one spelling that it is kept and compared in: lower case, no blanks
/// around it. Whether mail arrives there is not known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

/// A text that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address is a name, an @ and a host, without blanks, at most 254 bytes")]
pub struct InvalidEmail;

impl Email {
    /// Reads an address.
    ///
    /// # Errors
    /// [`InvalidEmail`].
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim().to_lowercase();
        let odd = |c: char| c.is_whitespace() || c.is_control();
        let parts = text
            .split_once('@')
            .filter(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
        if parts.is_none() || text.len() > MAX_BYTES || text.chars().any(odd) {
            return Err(InvalidEmail);
        }
        Ok(Self(text))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        for text in ["ana@example.com", "  Ana@EXAMPLE.com\t", "ANA@example.COM"] {
            assert_eq!(Email::parse(text).unwrap().as_str(), "ana@example.com");
        }
        assert!(Email::parse("owner@localhost").is_ok());
        let long = format!("{}@example.com", "a".repeat(243));
        for wrong in [
            "",
            "ana",
            "@",
            "ana@",
            "@example.com",
            "a@b@c",
            "a b@c.d",
            "a\u{0}@c.d",
            "a\n@c.d",
            &long,
        ] {
            assert_eq!(Email::parse(wrong), Err(InvalidEmail), "{wrong:?}");
        }
    }
}
