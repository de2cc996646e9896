//! Why a run could not go on, beyond what its journal says.

use crate::JournalError;

/// The run stops without an outcome; its worker lets go of it.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// See [`JournalError`].
    #[error(transparent)]
    Journal(#[from] JournalError),
}
