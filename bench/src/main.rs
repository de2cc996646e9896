//! Measures the server beside the smallest programs that do the same, in one run: `floor` answers
//! a request from a map, `relay-db` runs a task and keeps it. This crate is used alone: by
//! `make bench`. It decides nothing and changes nothing; what its numbers mean is in its README.
//!
//! The measured program has one core, everything that loads it (client, scripted model) another:
//! ratios are compared, because figures of a shared machine are not.

mod connection;
mod floor;
mod measures;
mod model;
mod process;
mod relay;
mod relay_store;
mod report;
mod target;

use anyhow::{Context as _, Result, bail};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The core of the measured program.
const SERVER_CORE: usize = 0;
/// The core of everything else.
const CLIENT_CORE: usize = 1;

fn main() -> Result<()> {
    // For the sandboxes that are measured.
    sandbox::dispatch_init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match arguments[..] {
        ["floor", key, task, body] => runtime.block_on(floor::serve(key, task, body)),
        ["relay-db", directory, model] => runtime.block_on(relay::serve(directory, model)),
        ["run", sigmic, ref only @ ..] => {
            let mut own = CpuSet::new();
            own.set(CLIENT_CORE);
            sched_setaffinity(None, &own).context("two cores are needed")?;
            runtime.block_on(measures::run(sigmic, only))
        }
        _ => bail!("usage: sigmic-bench run PATH-OF-SIGMIC [P1 P2 …]"),
    }
}
