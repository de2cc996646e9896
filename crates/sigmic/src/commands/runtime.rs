//! The async runtimes of commands, and what else their processes need.

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};

use crate::failure::Failure;

/// For a command that talks to one server or one database.
pub(super) fn small() -> Result<Runtime, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("start the runtime")?)
}

/// For the server: a worker a core.
pub(super) fn whole() -> Result<Runtime, Failure> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    Ok(runtime.context("start the runtime")?)
}

/// Lets no crash write the process's memory to a file: keys and the secrets of running tasks are
/// in it.
///
/// # Errors
/// When the system refuses a lower limit, which it has no reason to.
pub(super) fn leave_no_core() -> Result<(), Failure> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    Ok(setrlimit(Resource::Core, none).context("allow no core files")?)
}
