//! The server's end of the control channel.

use std::collections::HashMap;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::unix::AsyncFd;
use tokio::sync::{oneshot, watch};

use crate::control::{MAX_NOTE_BYTES, MAX_ORDER_BYTES, Note, Order, Stop, receive, send};
use crate::{Ending, SandboxError};

/// What is known of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct RunState {
    pub(super) failed: Option<(String, i32)>,
    pub(super) ending: Option<Ending>,
    pub(super) empty: bool,
    pub(super) over_memory: bool,
    /// It was ended because the workspace is full.
    pub(super) full: bool,
}

/// The channel and who waits for what on it.
#[derive(Debug)]
pub(super) struct Link {
    socket: AsyncFd<OwnedFd>,
    pub(super) init: OwnedFd,
    next: AtomicU64,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    closed: bool,
    runs: HashMap<u64, watch::Sender<RunState>>,
    orders: HashMap<u64, oneshot::Sender<usize>>,
}

impl Link {
    pub(super) fn new(socket: AsyncFd<OwnedFd>, init: OwnedFd) -> Self {
        Self {
            socket,
            init,
            next: AtomicU64::new(1),
            waiting: Mutex::default(),
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Announces a run, so that no note about it is missed.
    pub(super) fn expect_run(&self, run: u64) -> Result<watch::Receiver<RunState>, SandboxError> {
        let (sender, receiver) = watch::channel(RunState::default());
        let mut waiting = self.waiting();
        if waiting.closed {
            return Err(SandboxError::Gone);
        }
        waiting.runs.insert(run, sender);
        Ok(receiver)
    }

    /// Forgets a run nobody waits for any more.
    pub(super) fn forget_run(&self, run: u64) {
        self.waiting().runs.remove(&run);
    }

    /// Whether nothing runs.
    pub(super) async fn is_idle(&self) -> Result<bool, SandboxError> {
        if !self.waiting().runs.is_empty() {
            return Ok(false);
        }
        // What commands that have ended left behind.
        let processes = self.ask(|order| Order::Count { order }).await?;
        Ok(processes == 0)
    }

    /// Notes why whatever runs is about to be ended.
    pub(super) fn note_full(&self) {
        for sender in self.waiting().runs.values() {
            sender.send_modify(|state| state.full = true);
        }
    }

    /// The init's id on this side.
    pub(super) fn init_pid(&self) -> Option<u32> {
        let path = format!("/proc/self/fdinfo/{}", self.init.as_raw_fd());
        let text = std::fs::read_to_string(path).ok()?;
        let pid = text.lines().find_map(|line| line.strip_prefix("Pid:"))?;
        pid.trim().parse().ok()
    }

    /// Sends an order that is answered by a number.
    pub(super) async fn ask(
        &self,
        order: impl FnOnce(u64) -> Order,
    ) -> Result<usize, SandboxError> {
        let number = self.number();
        let (sender, answer) = oneshot::channel();
        {
            let mut waiting = self.waiting();
            if waiting.closed {
                return Err(SandboxError::Gone);
            }
            waiting.orders.insert(number, sender);
        }
        self.order(&order(number), &[]).await?;
        answer.await.map_err(|_| SandboxError::Gone)
    }

    /// Sends an order, waiting while the channel is full.
    pub(super) async fn order(
        &self,
        order: &Order,
        descriptors: &[&OwnedFd],
    ) -> Result<(), SandboxError> {
        loop {
            let mut ready = self
                .socket
                .writable()
                .await
                .map_err(|_| SandboxError::Gone)?;
            if let Ok(sent) =
                ready.try_io(|socket| send_order(socket.get_ref(), order, descriptors))
            {
                return sent.map_err(|error| self.broken(&error));
            }
        }
    }

    fn broken(&self, error: &std::io::Error) -> SandboxError {
        // The second where the machine's socket buffers are smaller than usual.
        if error.kind() == std::io::ErrorKind::FileTooLarge
            || error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error())
        {
            return SandboxError::TooLarge {
                limit: MAX_ORDER_BYTES,
            };
        }
        self.kill_init();
        SandboxError::Gone
    }

    /// Ends a run's tree without waiting for it.
    pub(super) fn stop(&self, run: u64, how: Stop) {
        if send_order(self.socket.get_ref(), &Order::Stop { run, how }, &[]).is_err() {
            // An init that does not read its orders cannot be trusted to end a tree.
            self.kill_init();
        }
    }

    /// Ends the init, and with it every process of the namespace.
    pub(super) fn kill_init(&self) {
        // It fails only when the init is gone already.
        let _ = rustix::process::pidfd_send_signal(&self.init, rustix::process::Signal::KILL);
    }

    /// Reads notes until the init is gone. Whoever still waits then is told.
    pub(super) async fn listen(&self) {
        let mut buffer = vec![0; MAX_NOTE_BYTES];
        while let Some(note) = self.next_note(&mut buffer).await {
            self.take(note);
        }
        self.close();
    }

    /// Ends the init and tells whoever still waits.
    pub(super) fn close(&self) {
        self.kill_init();
        let mut waiting = self.waiting();
        waiting.closed = true;
        waiting.runs.clear();
        waiting.orders.clear();
    }

    async fn next_note(&self, buffer: &mut [u8]) -> Option<Note> {
        next_note(&self.socket, buffer).await.map(|(note, _)| note)
    }

    fn take(&self, note: Note) {
        let mut waiting = self.waiting();
        let change = |run: u64, change: &dyn Fn(&mut RunState)| {
            if let Some(sender) = waiting.runs.get(&run) {
                sender.send_modify(|state| change(state));
            }
        };
        match note {
            Note::Born | Note::Ready { .. } | Note::Refused { .. } => {}
            Note::Exited { run, code, signal } => change(run, &|state| {
                // The first report counts: the second comes from a sandbox that was emptied.
                state.ending.get_or_insert(match (code, signal) {
                    (Some(code), _) => Ending::Exited(code),
                    (None, Some(signal)) => Ending::Signaled(signal),
                    (None, None) => Ending::Exited(-1),
                });
            }),
            Note::CannotRun { run, step, errno } => {
                change(run, &|state| state.failed = Some((step.clone(), errno)));
            }
            Note::Empty { run } => {
                change(run, &|state| {
                    state.ending.get_or_insert(Ending::Exited(-1));
                    state.empty = true;
                });
                waiting.runs.remove(&run);
            }
            Note::OverMemory => {
                for sender in waiting.runs.values() {
                    sender.send_modify(|state| state.over_memory = true);
                }
            }
            Note::Killed { order, left: count }
            | Note::Counted {
                order,
                processes: count,
            } => {
                if let Some(sender) = waiting.orders.remove(&order) {
                    // Whoever asked may have gone.
                    let _ = sender.send(count);
                }
            }
        }
    }
}

fn send_order(socket: &OwnedFd, order: &Order, descriptors: &[&OwnedFd]) -> std::io::Result<()> {
    let descriptors: Vec<_> = descriptors.iter().map(|fd| fd.as_fd()).collect();
    send(socket.as_fd(), order, &descriptors, MAX_ORDER_BYTES)
}

/// The next note and its descriptors; absent when the channel is closed or makes no sense.
pub(super) async fn next_note(
    socket: &AsyncFd<OwnedFd>,
    buffer: &mut [u8],
) -> Option<(Note, Vec<OwnedFd>)> {
    loop {
        let mut ready = socket.readable().await.ok()?;
        match ready.try_io(|socket| receive(socket.get_ref().as_fd(), buffer)) {
            Err(_would_block) => {}
            Ok(Ok(packet)) if packet.len > 0 => {
                let note = serde_json::from_slice(&buffer[..packet.len]).ok()?;
                return Some((note, packet.descriptors));
            }
            Ok(_) => return None,
        }
    }
}
