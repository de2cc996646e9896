//! Which streams are open, by who opened them: what a revocation says that it cut off.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Principal;

/// The open streams of this process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenStreams(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    next: AtomicU64,
    open: Mutex<HashMap<u64, Principal>>,
}

/// An open stream; dropped, it is closed.
#[derive(Debug)]
pub(crate) struct OpenStream {
    streams: OpenStreams,
    number: u64,
}

impl OpenStreams {
    /// Notes a stream.
    pub(crate) fn open(&self, by: Principal) -> OpenStream {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(number, by);
        OpenStream {
            streams: self.clone(),
            number,
        }
    }

    /// How many streams of such callers are open.
    pub(crate) fn count(&self, whose: impl Fn(&Principal) -> bool) -> usize {
        self.lock().values().filter(|by| whose(by)).count()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Principal>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.streams.lock().remove(&self.number);
    }
}
