//! `sigmic selftest …`

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct SelftestArguments {
    #[command(subcommand)]
    pub(crate) command: SelftestCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SelftestCommand {
    /// Try every way to get in that must fail, and that what works ceases to work when it is revoked
    #[command(after_help = "\
Makes keys and a widget app named `selftest auth` in one project, with the key in
cli-management.key or SIGMIC_MANAGEMENT_KEY, and takes them away at the end; runs no task. Several
hundred refusals are asked for: a server that limits them is waited for. With several servers on
one database, name each.

Exits with 1 when a case failed.

Example:
  sigmic selftest auth --url https://sigmic.example
  sigmic selftest auth --url http://10.0.0.1:8080 --url http://10.0.0.2:8080")]
    Auth(SelftestAuthArguments),
}

#[derive(Debug, Args)]
pub(crate) struct SelftestAuthArguments {
    /// A server of the deployment; may be repeated [default: the one that runs on the data directory]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Vec<String>,
    /// The project to work in [default: the organization's default project]
    #[arg(long, value_name = "ID")]
    pub(crate) project: Option<String>,
    /// Callers at once while somebody is cut off
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) callers: usize,
    /// How often each is cut off
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Print one JSON object for each case
    #[arg(long)]
    pub(crate) json: bool,
}
