//! What people call things.

/// Characters of a name at most.
const MAX_CHARS: usize = 100;

/// A name that can be shown on one line: 1 to 100 characters, no control characters, no blanks
/// around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

/// A text that is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 100 characters and no control characters")]
pub struct InvalidName;

impl Name {
    /// Reads a name; blanks around it are taken off.
    ///
    /// # Errors
    /// [`InvalidName`].
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let text = text.trim();
        let length = text.chars().count();
        if length == 0 || length > MAX_CHARS || text.chars().any(char::is_control) {
            return Err(InvalidName);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text itself.
    pub fn into_text(self) -> String {
        self.0
    }
}
