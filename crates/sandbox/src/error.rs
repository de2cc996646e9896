//! What can go wrong.

use std::io;

/// Why a sandbox could not be made or could not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// No engine that isolates works here. Commands are refused, never run without isolation.
    #[error("no sandbox is available: {reason}. {remedy}")]
    Unavailable {
        /// What does not work.
        reason: String,
        /// What the operator can do about it.
        remedy: String,
    },
    /// A sandbox could not be built.
    #[error("the sandbox could not be built at the step `{step}`")]
    Start {
        /// The step that failed.
        step: String,
        /// The error of the step.
        #[source]
        source: io::Error,
    },
    /// The program could not be started inside.
    #[error("the program could not be started at the step `{step}`: {source}")]
    CannotRun {
        /// `execute`, `change the directory`, `fork`, …
        step: String,
        /// The error of the step: not found, not executable, no process left.
        #[source]
        source: io::Error,
    },
    /// The request asks for something that cannot be.
    #[error("{0}")]
    Invalid(&'static str),
    /// The command line and its environment are larger than a message to the sandbox.
    #[error("the command and its environment are larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The sandbox has ended: destroyed, or its init was killed.
    #[error("the sandbox has ended")]
    Gone,
    /// What was started to be talked to was ended, because the workspace grew over its limit.
    #[error("the workspace is full")]
    WorkspaceFull,
    /// Processes that the kernel could not end in time.
    #[error("{left} processes are still there after they were killed")]
    NotEmpty {
        /// How many.
        left: usize,
    },
    /// The operating system refused something on the server's side.
    #[error("{what} failed")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// The error.
        #[source]
        source: io::Error,
    },
    /// The workspace refused.
    #[error(transparent)]
    File(#[from] crate::FileError),
}

impl SandboxError {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}
