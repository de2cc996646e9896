//! The ledger of a session: a receipt for every connection out, whoever makes it.
//!
//! A sandbox writes into the ledger of its [`SandboxSpec`](crate::SandboxSpec). A tool that
//! connects by itself opens an entry with [`EgressLedger::open_for`] and connects with
//! [`EgressConnector::connect_for`](crate::EgressConnector::connect_for), or says by
//! [`EgressEntry::decide`] and [`EgressEntry::count`] what came of it. Whoever keeps the facts
//! takes them with [`EgressLedger::take`]. A ledger may have a limit of bytes, over all connections:
//! then [`EgressEntry::count`] ends the one that passes it, and no further one is made.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::{CallId, Egress, EgressDecision};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::{EgressError, Refusal};

/// Places with connections that were made, between two takes. More are counted only.
const MAX_ALLOWED: usize = 192;
/// Places with connections that were not made: fewer, so that a flood of refusals hides nothing.
const MAX_OTHERS: usize = 64;
/// Characters of a host at most: names have no more.
const MAX_HOST_CHARS: usize = 253;
/// Time for the ends of connections to be noticed after their command has ended.
const SETTLE_TIME: Duration = Duration::from_millis(50);

/// See the module. Its clones are one ledger.
#[derive(Debug, Clone)]
pub struct EgressLedger(Arc<Shared>);

impl Default for EgressLedger {
    /// Without a limit.
    fn default() -> Self {
        Self::with_limit(u64::MAX)
    }
}

#[derive(Debug)]
struct Shared {
    book: Mutex<Book>,
    /// Bytes that may still pass, in both directions together.
    left_bytes: AtomicU64,
    /// An entry was written.
    written: Notify,
}

#[derive(Debug, Default)]
struct Book {
    running: Vec<CallId>,
    /// The calls of connections that have not ended.
    open: Vec<Option<CallId>>,
    receipts: Vec<Egress>,
    left_out: u64,
}

impl EgressLedger {
    /// A ledger under which so many bytes may pass.
    pub fn with_limit(bytes: u64) -> Self {
        Self(Arc::new(Shared {
            book: Mutex::default(),
            left_bytes: AtomicU64::new(bytes),
            written: Notify::new(),
        }))
    }

    /// Whether all bytes have passed that may.
    fn is_used_up(&self) -> bool {
        self.0.left_bytes.load(Ordering::Relaxed) == 0
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a command runs for `call_id`, as long as the guard lives. Connections that begin
    /// while it is the only one are its own.
    #[must_use]
    pub fn running(&self, call_id: &CallId) -> RunningCall {
        self.book().running.push(call_id.clone());
        RunningCall {
            ledger: self.clone(),
            call_id: call_id.clone(),
        }
    }

    /// A connection of the sandbox's begins.
    pub(crate) fn open(&self, host: &str, port: u16) -> EgressEntry {
        let call_id = match self.book().running.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        };
        self.entry(call_id, host, port)
    }

    /// A connection that is made for `call_id` begins.
    #[must_use]
    pub fn open_for(&self, call_id: &CallId, host: &str, port: u16) -> EgressEntry {
        self.entry(Some(call_id.clone()), host, port)
    }

    fn entry(&self, call_id: Option<CallId>, host: &str, port: u16) -> EgressEntry {
        self.book().open.push(call_id.clone());
        EgressEntry {
            ledger: self.clone(),
            receipt: Egress {
                call_id,
                host: host.chars().take(MAX_HOST_CHARS).collect(),
                port,
                decision: EgressDecision::Failed,
                reason: Some("it was given up".to_owned()),
                connections: 1,
                sent_bytes: 0,
                received_bytes: 0,
                left_out: 0,
            },
        }
    }

    /// Waits a moment for the connections of a call whose command has ended: a program and its
    /// connections end together, but that is noticed in any order.
    pub async fn settle(&self, call_id: &CallId) {
        self.settled(|open| open.as_ref() == Some(call_id)).await;
    }

    /// The same for all connections, when the sandbox itself has ended.
    pub async fn settle_all(&self) {
        self.settled(|_| true).await;
    }

    async fn settled(&self, counts: impl Fn(&Option<CallId>) -> bool) {
        let settled = async {
            loop {
                let mut written = std::pin::pin!(self.0.written.notified());
                written.as_mut().enable();
                if !self.book().open.iter().any(&counts) {
                    return;
                }
                written.await;
            }
        };
        // What goes on in the background is written when it ends.
        let _ = timeout(SETTLE_TIME, settled).await;
    }

    /// What has ended since the last time.
    pub fn take(&self) -> Vec<Egress> {
        let mut book = self.book();
        let mut receipts = std::mem::take(&mut book.receipts);
        if let Some(last) = receipts.last_mut() {
            last.left_out = std::mem::take(&mut book.left_out);
        }
        receipts
    }
}

impl Book {
    fn write(&mut self, receipt: Egress) {
        let same = |other: &&mut Egress| {
            (&other.host, other.port, other.decision)
                == (&receipt.host, receipt.port, receipt.decision)
                && (&other.call_id, &other.reason) == (&receipt.call_id, &receipt.reason)
        };
        if let Some(other) = self.receipts.iter_mut().find(same) {
            other.connections += receipt.connections;
            other.sent_bytes = other.sent_bytes.saturating_add(receipt.sent_bytes);
            other.received_bytes = other.received_bytes.saturating_add(receipt.received_bytes);
            return;
        }
        let allowed = |receipt: &Egress| receipt.decision == EgressDecision::Allowed;
        let wanted = allowed(&receipt);
        let alike = self
            .receipts
            .iter()
            .filter(|other| allowed(other) == wanted);
        let most = if wanted { MAX_ALLOWED } else { MAX_OTHERS };
        if alike.count() < most {
            self.receipts.push(receipt);
        } else {
            self.left_out += 1;
        }
    }
}

/// A command that runs. See [`EgressLedger::running`].
#[derive(Debug)]
pub struct RunningCall {
    ledger: EgressLedger,
    call_id: CallId,
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        let mut book = self.ledger.book();
        let at = book
            .running
            .iter()
            .position(|call_id| *call_id == self.call_id);
        if let Some(at) = at {
            book.running.swap_remove(at);
        }
    }
}

/// A connection that has begun; written when it is dropped.
#[derive(Debug)]
pub struct EgressEntry {
    ledger: EgressLedger,
    receipt: Egress,
}

impl EgressEntry {
    /// The host that was asked for.
    pub fn host(&self) -> &str {
        &self.receipt.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.receipt.port
    }

    /// Notes whether there is a connection.
    pub fn decide<T>(&mut self, connected: &Result<T, EgressError>) {
        let (decision, reason) = match connected {
            Ok(_) => (EgressDecision::Allowed, None),
            Err(EgressError::Refused { refusal, .. }) => {
                (EgressDecision::Refused, Some(refusal.to_string()))
            }
            Err(EgressError::BadHost(_)) => {
                (EgressDecision::Refused, Some("it is no host".to_owned()))
            }
            Err(EgressError::Resolve { .. }) => (
                EgressDecision::Failed,
                Some("it could not be resolved".to_owned()),
            ),
            Err(EgressError::Connect { .. }) => (
                EgressDecision::Failed,
                Some("it could not be connected to".to_owned()),
            ),
        };
        self.receipt.decision = decision;
        self.receipt.reason = reason;
    }

    /// Notes a refusal.
    pub(crate) fn refuse(mut self, refusal: Refusal) {
        self.receipt.decision = EgressDecision::Refused;
        self.receipt.reason = Some(refusal.to_string());
    }

    /// Adds bytes that have passed.
    ///
    /// # Errors
    /// When no more may pass: the connection must end, and its receipt says so.
    pub fn count(&mut self, sent_bytes: u64, received_bytes: u64) -> std::io::Result<()> {
        let receipt = &mut self.receipt;
        receipt.sent_bytes = receipt.sent_bytes.saturating_add(sent_bytes);
        receipt.received_bytes = receipt.received_bytes.saturating_add(received_bytes);
        let passed = sent_bytes.saturating_add(received_bytes);
        let take = |left: u64| Some(left.saturating_sub(passed));
        let left = &self.ledger.0.left_bytes;
        // Never an error: there is always a value to set.
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        if before.is_ok_and(|before| before > passed) {
            return Ok(());
        }
        let refusal = Refusal::Limit;
        self.receipt.reason = Some(refusal.to_string());
        let kind = std::io::ErrorKind::QuotaExceeded;
        Err(std::io::Error::new(kind, refusal.to_string()))
    }

    /// Whether another connection may be made at all.
    ///
    /// # Errors
    /// [`EgressError::Refused`] when all bytes have passed that may.
    pub(super) fn admit(&self) -> Result<(), EgressError> {
        if self.ledger.is_used_up() {
            return Err(EgressError::Refused {
                host: self.receipt.host.clone(),
                refusal: Refusal::Limit,
            });
        }
        Ok(())
    }
}

impl Drop for EgressEntry {
    fn drop(&mut self) {
        let mut book = self.ledger.book();
        let call_id = &self.receipt.call_id;
        let at = book.open.iter().position(|open| open == call_id);
        if let Some(at) = at {
            book.open.swap_remove(at);
        }
        book.write(self.receipt.clone());
        drop(book);
        self.ledger.0.written.notify_waiters();
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
