//! One program inside, from its start to its end.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::sync::watch;
use tokio::time::timeout;

use super::link::{Link, RunState};
use crate::control::{Order, Program, Run, Stop};
use crate::{Ending, Owner, ProcessHandle, SandboxError, WorkspacePath};

/// Time in which a killed tree must be gone before the whole sandbox is ended.
const KILL_TIME: Duration = Duration::from_secs(3);

/// A run that was started. Dropped before it is empty, its tree is killed.
#[derive(Debug)]
pub(super) struct RunGuard {
    link: Arc<Link>,
    number: u64,
    state: watch::Receiver<RunState>,
    released: bool,
}

impl RunGuard {
    /// Starts a program with the given standard input, output and error.
    pub(super) async fn start(
        link: &Arc<Link>,
        program: Program,
        cwd: &WorkspacePath,
        env: Vec<(String, String)>,
        descriptors: [&OwnedFd; 3],
    ) -> Result<Self, SandboxError> {
        let number = link.number();
        let state = link.expect_run(number)?;
        let guard = Self {
            link: Arc::clone(link),
            number,
            state,
            released: false,
        };
        let order = Order::Run(Run {
            run: number,
            program,
            cwd: cwd.as_str().to_owned(),
            env,
        });
        guard.link.order(&order, &descriptors).await?;
        Ok(guard)
    }

    /// Waits until the program itself has ended.
    pub(super) async fn ended(&mut self) -> Result<Ending, SandboxError> {
        let state = self
            .state
            .wait_for(|state| state.ending.is_some())
            .await
            .map_err(|_| SandboxError::Gone)?;
        if let Some((step, errno)) = &state.failed {
            return Err(SandboxError::CannotRun {
                step: step.clone(),
                source: std::io::Error::from_raw_os_error(*errno),
            });
        }
        state.ending.ok_or(SandboxError::Gone)
    }

    /// Waits until nothing it started is left.
    pub(super) async fn empty(&mut self) -> Result<(), SandboxError> {
        let waited = self.state.wait_for(|state| state.empty).await;
        let gone = waited.map(drop).map_err(|_| SandboxError::Gone);
        self.released = gone.is_ok();
        gone
    }

    /// Asks everything it started to end.
    pub(super) fn ask_to_end(&self) {
        self.link.stop(self.number, Stop::Ask);
    }

    /// Kills everything it started and waits until it is gone; ends the sandbox if it will not go.
    pub(super) async fn kill(&mut self) -> Result<(), SandboxError> {
        self.link.stop(self.number, Stop::Kill);
        if let Ok(result) = timeout(KILL_TIME, self.empty()).await {
            return result;
        }
        self.link.kill_init();
        Err(SandboxError::NotEmpty { left: 1 })
    }

    /// Whether memory ran out while it ran.
    pub(super) fn over_memory(&self) -> bool {
        self.state.borrow().over_memory
    }

    /// Leaves what it started in the background alone.
    pub(super) fn release(mut self) {
        self.released = true;
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        if !self.released {
            self.link.stop(self.number, Stop::Kill);
        }
        self.link.forget_run(self.number);
    }
}

#[async_trait]
impl ProcessHandle for RunGuard {
    async fn wait(&mut self) -> Result<Ending, SandboxError> {
        let ending = self.ended().await?;
        if self.state.borrow().full {
            return Err(SandboxError::WorkspaceFull);
        }
        Ok(ending)
    }

    async fn kill(&mut self) -> Result<(), SandboxError> {
        Self::kill(self).await
    }
}

/// A pipe whose inside end belongs to the workspace's owner, so that a program can open it again
/// by name (`/dev/stdout`).
pub(super) fn pipe(owner: Owner) -> Result<(OwnedFd, OwnedFd), SandboxError> {
    let made = pipe_with(PipeFlags::CLOEXEC).and_then(|(read, write)| {
        if let Some(id) = owner.id() {
            let (uid, gid) = (rustix::fs::Uid::from_raw(id), rustix::fs::Gid::from_raw(id));
            rustix::fs::fchown(&write, Some(uid), Some(gid))?;
        }
        Ok((read, write))
    });
    made.map_err(|error| SandboxError::io("making a pipe")(error.into()))
}
