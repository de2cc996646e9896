//! The async runtimes of commands.

use anyhow::Context as _;
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
