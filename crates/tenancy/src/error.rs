//! Why a change was refused.

use auth::{EndUserNameError, OriginError};
use model::InvalidName;

/// See the module. What the caller may not know is [`Error::NotFound`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name is empty, too long, or has control characters.
    #[error("`name`: {0}")]
    Name(#[from] InvalidName),
    /// An entry of a list of origins is none.
    #[error("`allowedOrigins`: {entry:?}: {source}")]
    Origin {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        source: OriginError,
    },
    /// A list has more entries than it may.
    #[error("`allowedOrigins` has more than {0} entries")]
    TooManyOrigins(usize),
    /// A free-form object is larger than it may be.
    #[error("`theme` is larger than {0} bytes, or is no object")]
    Theme(usize),
    /// A table of prices is wrong.
    #[error("`prices` {0}")]
    Prices(&'static str),
    /// An end user's name is empty or too long.
    #[error(transparent)]
    EndUser(#[from] EndUserNameError),
    /// There is no such thing, or not for this caller.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] store::Error),
}

impl Error {
    /// Names what a missing row was.
    pub(crate) fn of(what: &'static str) -> impl FnOnce(store::Error) -> Self {
        move |error| {
            if matches!(error, store::Error::NotFound) {
                Self::NotFound(what)
            } else {
                Self::Store(error)
            }
        }
    }
}
