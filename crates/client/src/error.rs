//! What can go wrong on the way to the server and back.

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused.
    #[error("{message} ({code})")]
    Api {
        /// For programs; `UNKNOWN` when the answer was not one of the server's own (a proxy's).
        code: String,
        /// For people.
        message: String,
        /// The HTTP status.
        status: u16,
        /// What to quote when asking the operator.
        request_id: Option<String>,
    },
    /// The server was not reached, or the connection broke.
    #[error("cannot {attempted}: the server was not reached or the connection broke")]
    Transport {
        /// What was attempted.
        attempted: &'static str,
        /// The error of the connection.
        #[source]
        source: reqwest::Error,
    },
    /// The server answered something that this client does not understand.
    #[error("the server's answer is not understood: {0}")]
    Protocol(String),
    /// A file that was to be sent cannot be read.
    #[error("cannot read {path}")]
    File {
        /// Where it should have been.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The caller gave something that cannot be sent.
    #[error("{0}")]
    Invalid(&'static str),
    /// The HTTP client could not be made (no certificates on this machine, for instance).
    #[error("the HTTP client could not be made")]
    Setup(#[source] reqwest::Error),
    /// A stream ended again and again before its task did.
    #[error("the stream ended {tries} times without news of the task")]
    StreamEnds {
        /// How many times in a row.
        tries: u32,
    },
}

impl Error {
    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::Api { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            Self::Protocol(_)
            | Self::File { .. }
            | Self::Invalid(_)
            | Self::Setup(_)
            | Self::StreamEnds { .. } => false,
        }
    }

    pub(crate) fn transport(attempted: &'static str) -> impl FnOnce(reqwest::Error) -> Self {
        move |source| Self::Transport { attempted, source }
    }
}
