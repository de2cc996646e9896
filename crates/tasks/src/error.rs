//! Why a request about tasks was not carried out.

use crate::InputError;

/// See the module. What the caller may not know is [`Error::NotFound`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field is wrong.
    #[error(transparent)]
    Input(#[from] InputError),
    /// There is no such task or tool call, or not for this caller.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The task has an open run.
    #[error("the task has an open run")]
    Busy,
    /// The task has already ended.
    #[error("the task has already ended")]
    NotCancellable,
    /// The tool call was already decided.
    #[error("the tool call was already decided")]
    NotPending,
    /// The idempotency key is in use by another request, or was used for one.
    #[error("the idempotency key was used for another request")]
    IdempotencyConflict,
    /// The organization has used up its month.
    #[error("the organization's quota is used up")]
    QuotaExceeded,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// Files could not be read or written.
    #[error("files could not be read or written")]
    Disk(#[from] std::io::Error),
    /// Stored variables do not open: sealed with another master key, or damaged.
    #[error("stored variables do not open")]
    Sealed,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}
