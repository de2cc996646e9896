//! The one thread that starts sandboxes.
//!
//! The kernel's parent-death signal follows the *thread* that made a process, so a sandbox made
//! by a thread of a pool would die when the pool shrinks. This thread lives as long as the
//! engine.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{io, thread};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::control_group::ControlGroup;
use crate::SandboxError;
use crate::init::INIT_NAME;

/// Time for a monitor to end what its init left: thousands of processes on a busy machine, at
/// worst.
const END_TIME: Duration = Duration::from_secs(30);
/// How often monitors are looked at when there was no descriptor for one of them.
const LOOK_AGAIN: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

enum Job {
    Spawn {
        control: OwnedFd,
        answer: oneshot::Sender<io::Result<Child>>,
    },
    Reap(Dying),
}

/// A monitor whose init is dead. It may have others to end before it ends itself.
struct Dying {
    monitor: Child,
    /// Readable when it has ended; absent where there was no descriptor left.
    ended: Option<OwnedFd>,
    group: Option<ControlGroup>,
    done: Option<oneshot::Sender<Reaped>>,
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
pub(super) struct Spawner(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    // Not bounded, because a drop must be able to hand over a child: at most two jobs for each
    // sandbox, and those are bounded by their callers.
    jobs: mpsc::Sender<Job>,
    /// Wakes the thread: a byte after each job, its end after the last one, as it is dropped after
    /// `jobs`.
    wake: OwnedFd,
}

impl Spawner {
    pub(super) fn start() -> Result<Self, SandboxError> {
        let failed = SandboxError::io("starting the spawner thread");
        let (jobs, todo) = mpsc::channel();
        let pipe = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK);
        let started = pipe.map_err(io::Error::from).and_then(|(woken, wake)| {
            thread::Builder::new()
                .name("sandbox-spawner".to_owned())
                .spawn(move || work(&todo, &woken))
                .map(|_| wake)
        });
        let wake = started.map_err(failed)?;
        Ok(Self(Arc::new(Handle { jobs, wake })))
    }

    fn send(&self, job: Job) {
        // The thread is gone only when the process ends; then the system reaps. A full pipe wakes
        // it as well.
        if self.0.jobs.send(job).is_ok() {
            let _ = rustix::io::write(&self.0.wake, &[0]);
        }
    }

    /// Starts an init that speaks on `control`.
    pub(super) async fn spawn(&self, control: OwnedFd) -> Result<Child, SandboxError> {
        let (answer, child) = oneshot::channel();
        self.send(Job::Spawn { control, answer });
        child
            .await
            .map_err(|_| SandboxError::Gone)?
            .map_err(SandboxError::io("starting the sandbox's first process"))
    }

    /// Waits for a monitor whose init is dead, and whose control group is then removed.
    pub(super) async fn reap(&self, monitor: Child, group: Option<ControlGroup>) -> Reaped {
        let (done, finished) = oneshot::channel();
        self.send(Job::Reap(Dying::new(monitor, group, Some(done))));
        match timeout(END_TIME, finished).await {
            Ok(Ok(reaped)) => reaped,
            // Still at work, or the process ends. It is reaped when it has ended.
            Ok(Err(_)) | Err(_) => Reaped::Left,
        }
    }

    /// The same, for a drop.
    pub(super) fn reap_unseen(&self, monitor: Child, group: Option<ControlGroup>) {
        self.send(Job::Reap(Dying::new(monitor, group, None)));
    }
}

impl Dying {
    fn new(
        monitor: Child,
        group: Option<ControlGroup>,
        done: Option<oneshot::Sender<Reaped>>,
    ) -> Self {
        let pid = i32::try_from(monitor.id()).ok().and_then(Pid::from_raw);
        Self {
            monitor,
            ended: pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()),
            group,
            done,
        }
    }

    /// Whether it has ended; then its control group goes, and whoever waits is told.
    fn is_over(&mut self) -> bool {
        let clean = match self.monitor.try_wait() {
            Ok(None) => return false,
            Ok(Some(status)) => status.success(),
            Err(_) => false,
        };
        self.ended = None;
        if let Some(group) = self.group.take() {
            group.remove();
        }
        if let Some(done) = self.done.take() {
            let reaped = if clean { Reaped::Clean } else { Reaped::Left };
            // Whoever waited may have gone.
            let _ = done.send(reaped);
        }
        true
    }
}

/// Waits for jobs and for the ends of monitors at once: one that has work to do holds nobody up.
fn work(todo: &mpsc::Receiver<Job>, woken: &OwnedFd) {
    let mut dying: Vec<Dying> = Vec::new();
    let mut open = true;
    while open || !dying.is_empty() {
        wait(open.then_some(woken), &dying);
        // Before the jobs are looked for: one that comes later wakes again.
        while matches!(rustix::io::read(woken, &mut [0_u8; 64]), Ok(count) if count > 0) {}
        loop {
            match todo.try_recv() {
                Ok(Job::Spawn { control, answer }) => {
                    if let Err(Ok(unwanted)) = answer.send(spawn(control)) {
                        // The caller has gone, and the other end of the control socket with it.
                        dying.push(Dying::new(unwanted, None, None));
                    }
                }
                Ok(Job::Reap(one)) => dying.push(one),
                Err(mpsc::TryRecvError::Empty) => break,
                Err(mpsc::TryRecvError::Disconnected) => {
                    open = false;
                    break;
                }
            }
        }
        dying.retain_mut(|one| !one.is_over());
    }
}

fn wait(woken: Option<&OwnedFd>, dying: &[Dying]) {
    let ends = dying.iter().filter_map(|one| one.ended.as_ref());
    let all = woken.into_iter().chain(ends);
    let mut waiting: Vec<_> = all.map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
    let blind = dying.iter().any(|one| one.ended.is_none());
    // What it says does not matter: everything is looked at.
    let _ = poll(&mut waiting, blind.then_some(&LOOK_AGAIN));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_monitor_that_does_not_end_holds_nobody_up() {
        let start = |program: &str| {
            let mut command = Command::new(program);
            command.stdin(Stdio::piped()).spawn().unwrap()
        };
        let spawner = Spawner::start().unwrap();
        let mut stuck = start("cat");
        let held = stuck.stdin.take();
        spawner.reap_unseen(stuck, None);
        let others = async {
            assert_eq!(spawner.reap(start("true"), None).await, Reaped::Clean);
            assert_eq!(spawner.reap(start("false"), None).await, Reaped::Left);
        };
        timeout(END_TIME, others).await.unwrap();
        drop(held);
    }
}
