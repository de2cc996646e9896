//! The first process of a sandbox: this program, executed again under another name.
//!
//! Everything here runs single-threaded in a process of its own, before any runtime exists. It
//! decides how the namespaces are built and how the processes in them are started and ended; what
//! is run, with which limits, is decided by the server and arrives as messages.

mod account;
mod boot;
mod errands;
mod harden;
mod mounts;
mod notify;
mod probes;
mod probes_kernel;
mod probes_tree;
mod rules;
mod run;
mod seccomp;
mod serve;
mod sys;
mod tree;

#[cfg(feature = "test-hook")]
use std::ffi::CStr;
use std::io;

/// The name under which the program is executed to become an init.
pub(crate) const INIT_NAME: &str = "sigmic-sandbox-init";

/// Becomes the init of a sandbox, and never returns, if this process was started as one.
///
/// Call it in the first line of `main`, before any runtime, thread or signal handler exists. In
/// every other process it costs one look at the first argument.
pub fn dispatch_init() {
    let named_so = std::env::args_os()
        .next()
        .is_some_and(|name| name == INIT_NAME);
    if named_so {
        boot::run();
    }
}

/// The same for a constructor that runs before `main`, where the arguments come from the loader.
#[cfg(feature = "test-hook")]
pub(crate) fn dispatch_init_named(name: &CStr) {
    if name.to_bytes() == INIT_NAME.as_bytes() {
        boot::run();
    }
}

/// A step of the start that failed.
#[derive(Debug)]
struct StepError {
    step: String,
    source: io::Error,
}

/// Names the step in which an error happened.
trait Step<T> {
    fn step(self, step: &str) -> Result<T, StepError>;
}

impl<T, E: Into<io::Error>> Step<T> for Result<T, E> {
    fn step(self, step: &str) -> Result<T, StepError> {
        self.map_err(|error| StepError {
            step: step.to_owned(),
            source: error.into(),
        })
    }
}
