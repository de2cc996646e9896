//! What can go wrong, in the words of a caller that decides what to do next.

use std::error::Error as StdError;
use std::path::PathBuf;

/// Why a command did nothing. No command leaves half of its work behind.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal has grown since it was read: fold again, decide again.
    #[error("the task's journal has grown since it was read")]
    Conflict,
    /// The caller's attempt no longer holds the run: it must stop and write nothing more.
    #[error("the run is no longer held by this attempt")]
    Fenced,
    /// There is no such row, or not in this scope.
    #[error("not found")]
    NotFound,
    /// The caller used this idempotency key before, and the answer is still kept.
    #[error("the idempotency key was used before")]
    IdempotencyTaken,
    /// The organization has used up its month.
    #[error("the organization's quota is used up")]
    QuotaExceeded,
    /// A row with this unique value exists.
    #[error("a row with the same value exists ({constraint})")]
    Duplicate {
        /// The unique index, by the same name on both backends.
        constraint: String,
    },
    /// A text holds a NUL in a column that takes none (names, ids, keys of idempotency).
    #[error("a text holds a NUL character")]
    NulInText,
    /// Another server holds the data directory.
    #[error("the data directory {} is in use by another server", .0.display())]
    InUse(PathBuf),
    /// This backend cannot do it; the text says what to use instead.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The database did not do it: unreachable, busy, full, or at odds with this version.
    #[error("database: {attempted}")]
    Unavailable {
        /// What was attempted.
        attempted: &'static str,
        /// What the database said.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A row holds what this version cannot read.
    #[error("unreadable row: {what}")]
    Corrupt {
        /// What was read.
        what: &'static str,
        /// What did not fit.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
}

impl Error {
    pub(crate) fn unavailable(
        attempted: &'static str,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Unavailable {
            attempted,
            source: source.into(),
        }
    }

    pub(crate) fn corrupt(what: &'static str) -> Self {
        Self::Corrupt { what, source: None }
    }

    pub(crate) fn corrupt_by(
        what: &'static str,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Corrupt {
            what,
            source: Some(source.into()),
        }
    }
}
