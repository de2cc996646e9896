//! The one thread that starts sandboxes.
//!
//! The kernel's parent-death signal follows the *thread* that made a process, so a sandbox made
//! by a thread of a pool would die when the pool shrinks. This thread lives as long as the
//! engine.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{io, thread};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::control_group::ControlGroup;
use super::watched::wait_readable;
use crate::SandboxError;
use crate::init::INIT_NAME;

/// Time for a monitor to end what its init left.
const END_TIME: Duration = Duration::from_secs(10);

enum Job {
    Spawn {
        control: OwnedFd,
        answer: oneshot::Sender<io::Result<Child>>,
    },
    Reap {
        monitor: Child,
        group: Option<ControlGroup>,
        done: Option<oneshot::Sender<Reaped>>,
    },
}

/// Whether a monitor left nothing behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reaped {
    /// No process of the sandbox is left.
    Clean,
    /// The monitor says that some could not be ended, or was itself ended before it knew.
    Left,
}

/// Handle on the thread. It ends, and with it every sandbox, when the last handle is dropped.
#[derive(Debug, Clone)]
pub(super) struct Spawner {
    // Not bounded, because a drop must be able to hand over a child: at most two jobs for each
    // sandbox, and those are bounded by their callers.
    jobs: mpsc::Sender<Job>,
}

impl Spawner {
    pub(super) fn start() -> Result<Self, SandboxError> {
        let (jobs, todo) = mpsc::channel();
        thread::Builder::new()
            .name("sandbox-spawner".to_owned())
            .spawn(move || work(&todo))
            .map_err(SandboxError::io("starting the spawner thread"))?;
        Ok(Self { jobs })
    }

    /// Starts an init that speaks on `control`.
    pub(super) async fn spawn(&self, control: OwnedFd) -> Result<Child, SandboxError> {
        let (answer, child) = oneshot::channel();
        self.jobs
            .send(Job::Spawn { control, answer })
            .map_err(|_| SandboxError::Gone)?;
        child
            .await
            .map_err(|_| SandboxError::Gone)?
            .map_err(SandboxError::io("starting the sandbox's first process"))
    }

    /// Waits for a monitor whose init is dead, then removes its control group.
    pub(super) async fn reap(&self, monitor: Child, group: Option<ControlGroup>) -> Reaped {
        // The thread serves everybody: it must not wait for a monitor that has work to do.
        let pid = i32::try_from(monitor.id()).ok().and_then(Pid::from_raw);
        let open = |pid| pidfd_open(pid, PidfdFlags::NONBLOCK).ok();
        if let Some(descriptor) = pid.and_then(open) {
            let _ = timeout(END_TIME, wait_readable(&descriptor)).await;
        }
        let (done, finished) = oneshot::channel();
        self.hand_over(monitor, group, Some(done));
        // An error: the thread is gone, which happens only when the process ends.
        finished.await.unwrap_or(Reaped::Left)
    }

    /// The same, for a drop.
    pub(super) fn reap_unseen(&self, monitor: Child, group: Option<ControlGroup>) {
        self.hand_over(monitor, group, None);
    }

    fn hand_over(
        &self,
        monitor: Child,
        group: Option<ControlGroup>,
        done: Option<oneshot::Sender<Reaped>>,
    ) {
        // The thread is gone only when the process ends; then the system reaps.
        let _ = self.jobs.send(Job::Reap {
            monitor,
            group,
            done,
        });
    }
}

fn work(todo: &mpsc::Receiver<Job>) {
    while let Ok(job) = todo.recv() {
        match job {
            Job::Spawn { control, answer } => {
                if let Err(Ok(mut unwanted)) = answer.send(spawn(control)) {
                    // The caller has gone, and the other end of the control socket with it.
                    let _ = unwanted.wait();
                }
            }
            Job::Reap {
                mut monitor,
                group,
                done,
            } => {
                let clean = monitor.wait().is_ok_and(|status| status.success());
                if let Some(group) = group {
                    group.remove();
                }
                if let Some(done) = done {
                    let reaped = if clean { Reaped::Clean } else { Reaped::Left };
                    // Whoever waited may have gone.
                    let _ = done.send(reaped);
                }
            }
        }
    }
}

/// This program again, with an empty environment and the control socket as standard input. The
/// standard library starts it without copying this process (`posix_spawn`).
fn spawn(control: OwnedFd) -> io::Result<Child> {
    Command::new("/proc/self/exe")
        .arg0(INIT_NAME)
        .env_clear()
        .stdin(Stdio::from(control))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}
