//! Why somebody is not signed in.

use model::InvalidName;

use crate::{PasswordError, WeakPassword};

/// Why somebody is not signed in, or something of them not changed.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown, without a password, disabled, or the password is another: one answer.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The new password cannot be taken.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// The new name cannot be one.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// There is no such link, sign-in, organization or person (any more).
    #[error("{0} not found")]
    NotFound(&'static str),
    /// A second factor is set up already.
    #[error("a second factor is set up already: remove it first")]
    HasSecondFactor,
    /// A second factor cannot be opened.
    #[error("open a second factor")]
    Sealed,
    /// Somebody has the address, and it alone does not show that they are the same person.
    #[error(
        "somebody signs in with this e-mail address already: sign in that way first, then with the service"
    )]
    Protected,
    /// Whom the service vouches for has no place here.
    #[error("nobody here is known by this sign-in")]
    NobodyHere,
    /// A password could not be hashed.
    #[error("hash a password")]
    Hash(#[source] PasswordError),
    /// The database failed.
    #[error("sign in")]
    Store(#[from] store::Error),
}

impl From<PasswordError> for SignInError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Weak(weak) => Self::Weak(weak),
            PasswordError::Hash(_) | PasswordError::Gone => Self::Hash(error),
        }
    }
}
