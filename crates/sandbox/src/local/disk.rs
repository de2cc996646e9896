//! Keeping the workspace within its size, without quotas of the file system.
//!
//! One watch for a sandbox, whatever runs in it, so that neither many short commands nor what goes on
//! in the background are a way around it. Who writes cannot be told: commands that are waited for
//! are stopped first, and everything when the workspace goes on growing or nobody is waited for.

use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::link::Link;
use crate::control::Order;
use crate::{DiskUsage, Workspace};

/// How often the workspace is counted while something runs.
const INTERVAL: Duration = Duration::from_secs(2);
/// Time until the next count when a command was stopped: it may still write while it cleans up.
const CLEAN_UP: Duration = Duration::from_secs(3);

/// The watch of one sandbox.
#[derive(Debug)]
pub(super) struct DiskWatch {
    limit_bytes: u64,
    told: watch::Sender<Overrun>,
    begun: Notify,
}

/// What those are told who wait for a command.
#[derive(Debug, Clone, Copy, Default)]
struct Overrun {
    /// How often there was too much.
    times: u64,
    /// The tree cannot be counted.
    cut: bool,
}

/// The watch as somebody sees it who waits for a command, from its start on.
#[derive(Debug)]
pub(super) struct Waiting {
    told: watch::Receiver<Overrun>,
    before: u64,
}

impl Waiting {
    /// Waits for news.
    pub(super) async fn news(&mut self) {
        if self.told.changed().await.is_err() {
            // The sandbox has ended, which is told in another way.
            std::future::pending::<()>().await;
        }
    }

    /// Whether a command that has run for so long must be stopped. One that removes a tree which
    /// cannot be counted gets the time to begin.
    pub(super) fn stops(&self, running: Duration) -> bool {
        let overrun = *self.told.borrow();
        overrun.times > self.before && (!overrun.cut || running >= INTERVAL)
    }
}

impl DiskWatch {
    pub(super) fn new(limit_bytes: u64) -> Self {
        Self {
            limit_bytes,
            told: watch::Sender::new(Overrun::default()),
            begun: Notify::new(),
        }
    }

    /// Something was started.
    pub(super) fn begin(&self) {
        self.begun.notify_one();
    }

    /// For somebody who waits for a command, as long as they do.
    pub(super) fn wait(&self) -> Waiting {
        let told = self.told.subscribe();
        let before = told.borrow().times;
        Waiting { told, before }
    }

    /// Watches for as long as the sandbox lives.
    pub(super) async fn keep(&self, workspace: &Workspace, link: &Link) {
        let mut growth = Growth::default();
        let mut due = Instant::now() + INTERVAL;
        loop {
            self.begun.notified().await;
            loop {
                sleep_until(due).await;
                match link.is_idle().await {
                    Ok(true) => break,
                    Ok(false) => {}
                    Err(_) => return,
                }
                let started = Instant::now();
                let counted = count(workspace).await;
                // Counting a large tree must not become the main work of the machine.
                due = Instant::now() + INTERVAL.max(started.elapsed() * 20);
                // A workspace that cannot be read now is looked at again.
                let Some(usage) = counted else { continue };
                let waiting = self.told.receiver_count();
                let verdict = growth.judge(usage, self.limit_bytes, waiting);
                if verdict != Verdict::Fits {
                    due = due.max(Instant::now() + CLEAN_UP);
                    self.stop(verdict, usage, link).await;
                }
            }
        }
    }

    async fn stop(&self, verdict: Verdict, usage: DiskUsage, link: &Link) {
        self.told.send_modify(|told| {
            told.times += 1;
            told.cut = usage.cut && verdict == Verdict::StopWaited;
        });
        if verdict == Verdict::StopAll {
            link.note_full();
            // What could not be killed is seen at the next count, or the sandbox is gone.
            let _ = link.ask(|order| Order::KillAll { order }).await;
        }
    }
}

async fn count(workspace: &Workspace) -> Option<DiskUsage> {
    let workspace = workspace.try_clone().ok()?;
    let counted = tokio::task::spawn_blocking(move || workspace.usage()).await;
    counted.ok()?.ok()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Fits,
    StopWaited,
    StopAll,
}

/// How the workspace grew from count to count.
#[derive(Debug, Default)]
struct Growth {
    last: Last,
    /// Whether commands that are waited for were stopped and it has not been well since.
    warned: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum Last {
    #[default]
    Never,
    Bytes(u64),
    /// Something was stopped since: what it wrote until it was dead is nobody else's doing.
    Stopped,
}

impl Growth {
    /// A full workspace stops what makes it fuller, not what empties it. A tree that cannot be
    /// counted is full. `waiting`: how many wait for commands.
    fn judge(&mut self, usage: DiskUsage, limit_bytes: u64, waiting: usize) -> Verdict {
        let before = match std::mem::replace(&mut self.last, Last::Bytes(usage.bytes)) {
            Last::Never => 0,
            Last::Bytes(bytes) => bytes,
            Last::Stopped => return Verdict::Fits,
        };
        let fuller = usage.bytes > limit_bytes && usage.bytes > before;
        if !fuller && !usage.cut {
            // Who pauses while it is full has not made room.
            self.warned &= usage.bytes > limit_bytes;
            return Verdict::Fits;
        }
        self.last = Last::Stopped;
        if waiting > 0 && !self.warned {
            self.warned = true;
            Verdict::StopWaited
        } else {
            self.warned = false;
            Verdict::StopAll
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(bytes: u64) -> DiskUsage {
        DiskUsage {
            bytes,
            entries: 1,
            cut: false,
        }
    }

    #[test]
    fn what_empties_a_full_workspace_is_not_stopped() {
        let mut growth = Growth::default();
        let mut judge = |bytes| growth.judge(usage(bytes), 100, 1);
        assert_eq!(judge(90), Verdict::Fits);
        assert_eq!(judge(200), Verdict::StopWaited);
        // It was still writing when it was stopped.
        assert_eq!(judge(300), Verdict::Fits);
        assert_eq!(judge(299), Verdict::Fits);
        assert_eq!(judge(100), Verdict::Fits);
        assert_eq!(judge(102), Verdict::StopWaited);
    }

    #[test]
    fn who_pauses_in_a_full_workspace_has_not_made_room() {
        let mut growth = Growth::default();
        let mut judge = |bytes| growth.judge(usage(bytes), 100, 1);
        assert_eq!(judge(200), Verdict::StopWaited);
        assert_eq!(judge(300), Verdict::Fits);
        assert_eq!(judge(300), Verdict::Fits, "it pauses");
        assert_eq!(judge(301), Verdict::StopAll);
    }

    #[test]
    fn what_goes_on_growing_stops_everything() {
        let mut growth = Growth::default();
        let mut judge = |bytes, waiting| growth.judge(usage(bytes), 100, waiting);
        assert_eq!(judge(200, 1), Verdict::StopWaited);
        assert_eq!(judge(300, 1), Verdict::Fits);
        assert_eq!(judge(400, 1), Verdict::StopAll);
        assert_eq!(judge(500, 1), Verdict::Fits);
        assert_eq!(judge(600, 0), Verdict::StopAll);
    }

    #[test]
    fn who_removes_a_tree_that_cannot_be_counted_gets_the_time_to() {
        let uncounted = DiskUsage {
            cut: true,
            ..usage(1)
        };
        let mut growth = Growth::default();
        assert_eq!(growth.judge(uncounted, 100, 1), Verdict::StopWaited);
        let watch = DiskWatch::new(100);
        let waiting = watch.wait();
        let tell = |kind: DiskUsage| {
            watch.told.send_modify(|told| {
                told.times += 1;
                told.cut = kind.cut;
            });
        };
        assert!(!waiting.stops(INTERVAL));
        tell(uncounted);
        assert!(!waiting.stops(Duration::ZERO));
        assert!(waiting.stops(INTERVAL));
        tell(usage(101));
        assert!(waiting.stops(Duration::ZERO));
        // What was before a command is none of its doing.
        assert!(!watch.wait().stops(INTERVAL));
    }
}
