//! `sigmic tasks …`

use clap::{Args, Subcommand, ValueEnum};

use super::{FilesArguments, ServerArguments};

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct TasksArguments {
    #[command(subcommand)]
    pub(crate) command: TaskCommand,
    /// Print JSON: the answer's `data` as the server sends it
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// List tasks, latest activity first
    List {
        /// Tasks at most, 1 to 100
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// Tasks to skip
        #[arg(long, default_value_t = 0)]
        offset: u64,
        /// Only tasks with this status; may be repeated
        #[arg(long, value_name = "STATUS")]
        status: Vec<String>,
        /// All tasks of the key's project, not only the key's own
        #[arg(long)]
        project: bool,
    },
    /// Show a task
    Get {
        /// The task
        id: String,
    },
    /// Cancel a task; returns when no process of it is left
    Cancel {
        /// The task
        id: String,
    },
    /// Show the saved messages of a task
    History {
        /// The task
        id: String,
    },
    /// Decide a tool call that waits
    #[command(after_help = "\
Example:
  sigmic tasks approve 5b0c1f0e-6a52-4f5e-9d2b-0f4a3c7e1d88 call_7 cancel --reason \"not that file\"")]
    Approve {
        /// The task
        id: String,
        /// The call
        call_id: String,
        /// What is decided
        #[arg(value_enum, default_value_t = OutcomeName::ProceedOnce)]
        outcome: OutcomeName,
        /// Tell the model why it was cancelled
        #[arg(long)]
        reason: Option<String>,
    },
    /// Send a task that has ended another message, and show its stream
    FollowUp {
        /// The task
        id: String,
        /// The message
        message: String,
        #[command(flatten)]
        files: FilesArguments,
    },
    /// Show the stream of a task: what was said, and what happens until it ends
    Stream {
        /// The task
        id: String,
    },
}

/// A decision by its wire name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum OutcomeName {
    /// Run this call
    ProceedOnce,
    /// Run it, and similar calls of the session without asking
    ProceedAlways,
    /// Reject it
    Cancel,
}

impl OutcomeName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ProceedOnce => "proceed_once",
            Self::ProceedAlways => "proceed_always",
            Self::Cancel => "cancel",
        }
    }
}
