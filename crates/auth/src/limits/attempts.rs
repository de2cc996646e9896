//! Guesses at passwords and one-time links. To find out whether one is right costs a slow
//! hash, so each is counted before it is looked at, and given back if it was right: an address has
//! no more of them under way, and no more wrong ones a minute, than the limit says.

use std::net::IpAddr;

use super::bucket::{Standing, source_network};
use super::rate_limits::{RateLimits, lock};

/// One that was counted. Dropped (also by a caller that goes away), it stays counted.
#[derive(Debug)]
#[must_use = "a right one is given back"]
pub struct Attempt<'a> {
    limits: &'a RateLimits,
    source: Option<IpAddr>,
}

impl RateLimits {
    /// Counts an attempt from this source address before it is known whether it is right.
    ///
    /// # Errors
    /// The limit is reached: it is not to be looked at.
    pub fn attempt(&self, address: Option<IpAddr>) -> Result<Attempt<'_>, Standing> {
        let source = address.map(source_network);
        if let Some((source, rate)) = source.zip(self.config.sign_in) {
            let now = self.clock.now();
            let mut attempts = lock(&self.attempts);
            let full_at = attempts.full_at(&source);
            if attempts.take(source, rate, now).is_none() {
                return Err(Standing::new("signIn", rate, full_at, now));
            }
        }
        Ok(Attempt {
            limits: self,
            source,
        })
    }
}

impl Attempt<'_> {
    /// It was no wrong guess.
    pub fn give_back(self) {
        if let Some((source, rate)) = self.source.zip(self.limits.config.sign_in) {
            let now = self.limits.clock.now();
            lock(&self.limits.attempts).give_back(&source, rate, now);
        }
    }
}
