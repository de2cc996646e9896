//! Whether and when a failed turn is asked for again. Pure: the caller waits.

use model::Random;

use crate::ModelError;

/// The longest a provider's `Retry-After` is obeyed: two minutes.
pub const MAX_RETRY_AFTER_MS: u64 = 120_000;

/// How often and how patiently a failed request is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Requests in all, the first included.
    pub max_attempts: u32,
    /// The wait after the first failure, before chance is applied.
    pub base_ms: u64,
    /// The longest wait that is not the provider's own wish.
    pub cap_ms: u64,
}

impl Default for RetryPolicy {
    /// Five requests over about fifteen seconds.
    fn default() -> Self {
        Self {
            max_attempts: 5,
            base_ms: 1_000,
            cap_ms: 30_000,
        }
    }
}

impl RetryPolicy {
    /// How long to wait after `attempt` (from 1) failed with `error`; `None` to give up.
    ///
    /// The provider's `Retry-After` wins, up to [`MAX_RETRY_AFTER_MS`]. Otherwise the wait doubles
    /// from `base_ms` up to `cap_ms`; its second half is left to chance, so that many runs that
    /// failed together do not come back together.
    pub fn next_delay_ms(
        &self,
        attempt: u32,
        error: &ModelError,
        random: &dyn Random,
    ) -> Option<u64> {
        if attempt >= self.max_attempts || !error.is_transient() {
            return None;
        }
        if let Some(asked) = error.retry_after_ms() {
            return Some(asked.min(MAX_RETRY_AFTER_MS));
        }
        let doublings = attempt.saturating_sub(1).min(63);
        let full = self
            .base_ms
            .saturating_mul(1_u64 << doublings)
            .min(self.cap_ms);
        let half = full / 2;
        let mut bytes = [0_u8; 8];
        random.fill(&mut bytes);
        let chance = u64::from_le_bytes(bytes) % (full - half + 1);
        Some(half + chance)
    }
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
