//! Keeping the workspace within its size, without quotas of the file system.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::{DiskUsage, Workspace};

/// How often the workspace is counted while commands run.
const INTERVAL: Duration = Duration::from_secs(2);

/// When the workspace is counted next, and what it took the last time. Shared by the commands of
/// a sandbox, so that many short ones are no way around it.
#[derive(Debug)]
pub(super) struct DiskWatch {
    limit_bytes: u64,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    due: Instant,
    last_bytes: u64,
}

impl DiskWatch {
    pub(super) fn new(limit_bytes: u64) -> Self {
        Self {
            limit_bytes,
            state: Mutex::new(State {
                due: Instant::now() + INTERVAL,
                last_bytes: 0,
            }),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When it is to be counted again.
    pub(super) fn due(&self) -> Instant {
        self.state().due
    }

    /// Counts the workspace if it is time; true when a command that has run for `running` must
    /// be stopped.
    pub(super) async fn is_overrun(&self, workspace: &Workspace, running: Duration) -> bool {
        let started = Instant::now();
        if started < self.due() {
            return false;
        }
        // Put off first, so that commands at the same time do not all count.
        self.state().due = started + INTERVAL;
        let Ok(workspace) = workspace.try_clone() else {
            return false;
        };
        let counted = tokio::task::spawn_blocking(move || workspace.usage()).await;
        let mut state = self.state();
        // Counting a large tree must not become the main work of the machine.
        state.due = Instant::now() + INTERVAL.max(started.elapsed() * 20);
        match counted {
            Ok(Ok(usage)) => {
                let before = std::mem::replace(&mut state.last_bytes, usage.bytes);
                let overrun = overrun(usage, before, self.limit_bytes, running);
                if overrun {
                    // What the command writes until it is dead is not the next one's doing: that
                    // one begins with a count of its own.
                    state.last_bytes = u64::MAX;
                    state.due = Instant::now();
                }
                overrun
            }
            // A workspace that cannot be read now is looked at again.
            Ok(Err(_)) | Err(_) => false,
        }
    }
}

/// A full workspace stops what makes it fuller, not what empties it. A tree that cannot be
/// counted is full, but a command gets the time to remove it.
fn overrun(usage: DiskUsage, before_bytes: u64, limit_bytes: u64, running: Duration) -> bool {
    let fuller = usage.bytes > limit_bytes && usage.bytes > before_bytes;
    fuller || usage.cut && running >= INTERVAL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_empties_a_full_workspace_is_not_stopped() {
        let usage = |bytes, cut| DiskUsage {
            bytes,
            entries: 1,
            cut,
        };
        let (now, later) = (Duration::ZERO, INTERVAL);
        assert!(overrun(usage(101, false), 90, 100, now));
        assert!(!overrun(usage(101, false), 200, 100, later));
        assert!(!overrun(usage(100, false), 0, 100, later));
        assert!(!overrun(usage(1, true), 0, 100, now));
        assert!(overrun(usage(1, true), 0, 100, later));
    }
}
