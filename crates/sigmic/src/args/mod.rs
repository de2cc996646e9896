//! The command line, as it is typed.

mod admin;
mod manage;
mod selftest;
mod tasks;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use admin::{
    AdminArguments, AdminCommand, AuditCommand, ClassName, KeyCommand, LimitsArguments,
    PriceArguments, ResetArguments, SigningKeyCommand,
};
pub(crate) use manage::{
    KeysArguments, KeysCommand, ManageArguments, OfProject, ProjectCommand, ProjectsArguments,
    StopTasks, WidgetCommand, WidgetsArguments,
};
pub(crate) use selftest::{SelftestArguments, SelftestAuthArguments, SelftestCommand};
pub(crate) use tasks::{OutcomeName, TaskCommand, TasksArguments};

use crate::settings::Sources;

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
Settings: docs/reference/configuration.md";

/// Run AI tasks in sandboxes: the server, and the command line that calls it.
#[derive(Debug, Parser)]
#[command(name = "sigmic", version, max_term_width = 100, after_help = EXIT_CODES)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every subcommand takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Read this configuration file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Keep everything in this directory
    #[arg(long, global = true, value_name = "DIRECTORY")]
    pub(crate) data_dir: Option<String>,
}

impl Common {
    /// Where the settings come from, with the flags of a subcommand.
    pub(crate) fn sources(&self, mut flags: Vec<(&'static str, String)>) -> Sources {
        flags.extend(self.data_dir.clone().map(|path| ("data_dir", path)));
        Sources::of_process(flags, self.config.clone())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server
    #[command(after_help = "\
Examples:
  sigmic serve
  SIGMIC_MODEL=openai/gpt-5 OPENAI_API_KEY=… sigmic serve
  sigmic serve --listen 0.0.0.0:8080 --behind-proxy

The first start makes the data directory, the master key, an organization with a default project,
and the command line's own key. SIGTERM or Ctrl-C stops the server; runs go on at the next start.")]
    Serve(ServeArguments),
    /// Run a task and show its stream
    #[command(after_help = "\
Examples:
  sigmic run \"What is 17 * 23?\"
  sigmic run --manual \"List the files here\"
  sigmic run --file sales.csv --out results \"Sum the amount column, write it to downloads/sum.txt\"
  sigmic run --json \"What is 17 * 23?\" | jq -c .event

On a terminal Markdown is shown as it is meant, a line below tells what goes on, and calls that
wait are decided with a key. On a pipe, and with NO_COLOR, the answer is the text that the model
wrote.

Ctrl-C cancels the task; a second one leaves at once and says how to follow it. With --json each line is one event: {\"event\",\"id\",\"data\"}; after the
event `rewind` forget what came after the last line with an id.")]
    Run(RunArguments),
    /// List tasks, look at one, decide its calls, talk on
    Tasks(TasksArguments),
    /// List, make and rename projects
    Projects(ProjectsArguments),
    /// List, make, rotate and revoke API keys
    Keys(KeysArguments),
    /// List, make and change widget apps; cut off tokens and end users
    Widgets(WidgetsArguments),
    /// Operator commands, which talk to the database (beside a running server too)
    Admin(AdminArguments),
    /// Find leaked API keys and app secrets in files, offline
    #[command(after_help = "\
Exits with 1 when it found some. Their checksums tell them from what only looks like one; of each
the first 12 characters are shown, by which its record is found.

Example:
  sigmic scan . || exit 1")]
    Scan(ScanArguments),
    /// Try a running deployment
    Selftest(SelftestArguments),
    /// Check sandbox, database, model and disk, and say what is missing
    #[command(after_help = "Exits with 1 when something that is needed does not work.")]
    Doctor(DoctorArguments),
    /// Print the OpenAPI document of the server
    Openapi,
    /// Print a script that completes commands in a shell
    #[command(after_help = "\
Example:
  sigmic completions bash > /etc/bash_completion.d/sigmic")]
    Completions(CompletionsArguments),
    /// Print a page of the reference that is made from the code
    #[command(hide = true)]
    Reference(ReferenceArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Listen on this address and port [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Listen beyond loopback: a proxy in front speaks TLS
    #[arg(long)]
    pub(crate) behind_proxy: bool,
    /// Keep the data there: sqlite:///DIRECTORY or postgres://… [default: the data directory]
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
}

/// How to reach a server.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// Call this server [default: the one that runs on the data directory]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) base_url: Option<String>,
}

/// What goes in and what comes out.
#[derive(Debug, Args)]
pub(crate) struct FilesArguments {
    /// Send this file with the message; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// Save the files that the agent made in this directory, in the place of those of before
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// What the agent is to do
    pub(crate) message: String,
    /// Ask before each tool call
    #[arg(long)]
    pub(crate) manual: bool,
    #[command(flatten)]
    pub(crate) files: FilesArguments,
    /// Print one JSON object for each event
    #[arg(long)]
    pub(crate) json: bool,
    /// Ask this model, as provider/model
    #[arg(long)]
    pub(crate) model: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ScanArguments {
    /// Files and directories; links are not followed
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Print one JSON object for each
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ReferenceArguments {
    /// The page
    pub(crate) page: Page,
}

/// A page that is made from the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Page {
    /// docs/reference/configuration.md
    Configuration,
    /// docs/guide/command-line.md
    CommandLine,
}
