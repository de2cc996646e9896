//! Where facts go. The agent waits for each of them to be durable before it acts on it.

use async_trait::async_trait;
use model::{JournalEvent, JournalRow, TurnDelta};

/// The journal of one leased run.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Writes facts of this run. Returns the rows that somebody else wrote meanwhile (decisions of
    /// people), which come before the ones written.
    ///
    /// # Errors
    /// [`JournalError::Lost`] when the run belongs to another worker now: nothing was written.
    async fn append(&mut self, events: Vec<JournalEvent>) -> Result<Vec<JournalRow>, JournalError>;

    /// Whether the organization may still use models, asked before each request.
    ///
    /// # Errors
    /// When that cannot be told.
    async fn budget(&mut self) -> Result<Budget, JournalError>;

    /// Gives the run up until somebody decides about a waiting call.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    async fn park(&mut self) -> Result<Parking, JournalError>;

    /// Shows a piece of the open turn to whoever watches. Never blocks, may be dropped.
    fn preview(&mut self, delta: TurnDelta);
}

/// What came of [`Journal::budget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// It may.
    Left,
    /// Its quota is used up.
    Spent,
}

/// What came of [`Journal::park`].
#[derive(Debug, Clone, PartialEq)]
pub enum Parking {
    /// The run is parked; its worker lets go of it.
    Parked,
    /// Somebody decided in the meantime: these rows are new, the run goes on.
    Moved(Vec<JournalRow>),
}

/// A fact could not be written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The run's lease is gone.
    #[error("the run belongs to another worker now")]
    Lost,
    /// The store failed.
    #[error("writing to the journal failed")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}
