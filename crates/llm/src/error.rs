//! What can go wrong in a turn, told apart by what the caller does about it.

use std::error::Error;

use model::RunErrorCode;

/// Why a turn failed.
///
/// `Display` is fit for the person who uses the task: it holds no key and at most a short excerpt
/// of what a provider said. The sources are for the log.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Too many requests for now.
    #[error("the model provider asks to slow down")]
    RateLimited {
        /// How long it asks to wait.
        retry_after_ms: Option<u64>,
    },
    /// The account has nothing left to spend; waiting does not help.
    #[error("the quota at the model provider is exhausted{}", excerpt(message))]
    QuotaExhausted {
        /// What the provider said, short; may be empty.
        message: String,
    },
    /// The provider could not be reached or failed on its side.
    #[error("the model provider is unavailable{}", status_note(*status))]
    Unavailable {
        /// Its HTTP status, if it answered.
        status: Option<u16>,
        /// How long it asks to wait.
        retry_after_ms: Option<u64>,
        /// What the provider said, short; for the log; may be empty.
        message: String,
        /// The failed connection.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// No byte arrived for longer than the configured time.
    #[error("the model provider sent nothing for {idle_ms} ms")]
    TimedOut {
        /// The configured time.
        idle_ms: u64,
    },
    /// The connection ended before the turn did.
    #[error("the connection to the model provider was cut in the middle of the answer")]
    Cut {
        /// What broke, unless the connection was closed in good order.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The provider sent what its protocol does not allow.
    #[error("the model provider sent something that cannot be understood: {what}")]
    Malformed {
        /// What could not be understood.
        what: &'static str,
        /// Where, if it was JSON.
        #[source]
        source: Option<JsonFault>,
    },
    /// The provider refused, without a text that could be the answer.
    #[error("the model refused to answer{}", excerpt(message))]
    Refused {
        /// What the provider said, short; may be empty.
        message: String,
    },
    /// The conversation does not fit into the model's window.
    #[error("the conversation is too long for the model")]
    ContextOverflow,
    /// The provider does not accept the server's key.
    #[error("the model provider refused the server's credentials (HTTP {status})")]
    Denied {
        /// 401 or 403; 400 from a provider that says so in its details.
        status: u16,
    },
    /// The provider does not accept the request (an unknown model, for instance).
    #[error("the model provider did not accept the request{}{}", status_note(*status), excerpt(message))]
    Invalid {
        /// Its HTTP status; absent for a request that was never sent.
        status: Option<u16>,
        /// What the provider said, short; may be empty.
        message: String,
    },
}

/// Where a JSON text was wrong, without repeating any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?} error at line {line} column {column}")]
pub struct JsonFault {
    /// What kind of fault.
    kind: serde_json::error::Category,
    line: usize,
    column: usize,
}

impl From<&serde_json::Error> for JsonFault {
    fn from(error: &serde_json::Error) -> Self {
        Self {
            kind: error.classify(),
            line: error.line(),
            column: error.column(),
        }
    }
}

impl ModelError {
    /// Whether the same request may well succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::TimedOut { .. }
            | Self::Cut { .. }
            | Self::Malformed { .. } => true,
            Self::QuotaExhausted { .. }
            | Self::Refused { .. }
            | Self::ContextOverflow
            | Self::Denied { .. }
            | Self::Invalid { .. } => false,
        }
    }

    /// How long the provider asks to wait before the next try.
    pub fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after_ms } | Self::Unavailable { retry_after_ms, .. } => {
                *retry_after_ms
            }
            Self::QuotaExhausted { .. }
            | Self::TimedOut { .. }
            | Self::Cut { .. }
            | Self::Malformed { .. }
            | Self::Refused { .. }
            | Self::ContextOverflow
            | Self::Denied { .. }
            | Self::Invalid { .. } => None,
        }
    }

    /// The code of a run that ends by this error.
    pub fn run_error_code(&self) -> RunErrorCode {
        match self {
            Self::QuotaExhausted { .. } => RunErrorCode::ModelQuota,
            Self::Refused { .. } => RunErrorCode::ModelRefused,
            Self::ContextOverflow => RunErrorCode::ContextOverflow,
            Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::TimedOut { .. }
            | Self::Cut { .. }
            | Self::Malformed { .. }
            | Self::Denied { .. }
            | Self::Invalid { .. } => RunErrorCode::ModelError,
        }
    }

    pub(crate) fn malformed(what: &'static str) -> Self {
        Self::Malformed { what, source: None }
    }
}

fn excerpt(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

fn status_note(status: Option<u16>) -> String {
    status.map_or_else(String::new, |status| format!(" (HTTP {status})"))
}
