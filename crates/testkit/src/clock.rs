//! Time that a test moves by hand.

use std::sync::atomic::{AtomicI64, Ordering};

use model::{Clock, SystemClock, Timestamp};

/// A clock that starts at the present and stands still until it is moved.
#[derive(Debug)]
pub struct FakeClock(AtomicI64);

impl Default for FakeClock {
    fn default() -> Self {
        Self(AtomicI64::new(SystemClock.now().as_millis()))
    }
}

impl FakeClock {
    /// Moves the time.
    pub fn advance_ms(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
