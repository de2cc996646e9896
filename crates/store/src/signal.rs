//! News that wake somebody up. A signal is a hint: what it is about is always read from the
//! database, and whoever missed some reads again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::TaskId;
use tokio::sync::{broadcast, mpsc, watch};

/// Signals that a slow receiver may fall behind before it loses some.
const CAPACITY: usize = 4096;

/// Something was committed that somebody may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// A run waits for a worker.
    RunQueued,
    /// A task's journal or state changed.
    TaskChanged(TaskId),
    /// Somebody wants a task's run to end.
    CancelRequested(TaskId),
    /// A credential, or what it depends on, changed.
    CredentialsChanged,
    /// Another process wrote something, or signals of another process were lost: look at
    /// everything again.
    Foreign,
}

/// Where signals go after a commit: to this process, and (PostgreSQL) to the others.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    local: broadcast::Sender<Signal>,
    /// Apart from the rest: each open stream waits for it, and must not wake for every append.
    credentials: watch::Sender<()>,
    /// `None` once closed, or where there are no other processes to tell.
    remote: Arc<Mutex<Option<mpsc::Sender<Signal>>>>,
}

impl Hub {
    pub(crate) fn new(remote: Option<mpsc::Sender<Signal>>) -> Self {
        Self {
            local: broadcast::Sender::new(CAPACITY),
            credentials: watch::Sender::new(()),
            remote: Arc::new(Mutex::new(remote)),
        }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Signal> {
        self.local.subscribe()
    }

    pub(crate) fn subscribe_credentials(&self) -> watch::Receiver<()> {
        self.credentials.subscribe()
    }

    /// Tells what this process committed.
    pub(crate) fn publish(&self, signals: Vec<Signal>) {
        let remote = self.remote().clone();
        for signal in signals {
            self.receive(signal);
            if let Some(remote) = &remote {
                // A full channel loses a hint; the other processes' own polling makes up for it.
                let _ = remote.try_send(signal);
            }
        }
    }

    fn remote(&self) -> MutexGuard<'_, Option<mpsc::Sender<Signal>>> {
        self.remote.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells other processes nothing more: whoever announces ends with what is waiting.
    pub(crate) fn close_remote(&self) {
        self.remote().take();
    }

    /// Tells what another process committed.
    pub(crate) fn receive(&self, signal: Signal) {
        match signal {
            Signal::CredentialsChanged | Signal::Foreign => {
                self.credentials.send_replace(());
            }
            Signal::RunQueued | Signal::TaskChanged(_) | Signal::CancelRequested(_) => {}
        }
        // An error means that nobody listens.
        let _ = self.local.send(signal);
    }
}
