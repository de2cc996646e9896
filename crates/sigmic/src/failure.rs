//! How a command ends: done (0), failed (1), wrong usage or configuration (2).

use std::process::ExitCode;

use crate::settings::SettingsError;

/// It did what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Done;

/// It did not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line or the configuration is wrong.
    #[error("{0}")]
    Usage(String),
    /// The configuration is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// It was tried and failed.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
    /// It failed, and the output says so already.
    #[error("failed")]
    Told,
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) | Self::Settings(_) => ExitCode::from(2),
            Self::Failed(_) | Self::Told => ExitCode::from(1),
        }
    }

    /// The whole chain of causes on one line; nothing if it was told already.
    pub(crate) fn message(&self) -> Option<String> {
        let text = match self {
            Self::Usage(text) => text.clone(),
            Self::Settings(error) => chain(error),
            Self::Failed(error) => chain(error.as_ref()),
            Self::Told => return None,
        };
        Some(text)
    }
}

/// An error with its causes, without those that only repeat the one before.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}
