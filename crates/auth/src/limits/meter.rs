//! Buckets in this process's memory, as many as fit.

use std::collections::HashMap;
use std::hash::Hash;

use model::{FullAt, Rate, Timestamp, micros};

/// Buckets that are remembered at most: a few megabytes.
const MAX_BUCKETS: usize = 65_536;

/// Buckets by what they are for. One that is not remembered is full.
#[derive(Debug)]
pub(super) struct Meter<K> {
    buckets: HashMap<K, FullAt>,
}

impl<K> Default for Meter<K> {
    fn default() -> Self {
        Self {
            buckets: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash> Meter<K> {
    pub(super) fn full_at(&self, key: &K) -> FullAt {
        self.buckets.get(key).copied().unwrap_or_default()
    }

    /// Takes one; says the state from now on if there was one.
    pub(super) fn take(&mut self, key: K, rate: Rate, now: Timestamp) -> Option<FullAt> {
        let taken = rate.take(self.full_at(&key), now, 1, 0);
        if taken.granted == 0 {
            return None;
        }
        if self.buckets.len() >= MAX_BUCKETS && !self.buckets.contains_key(&key) {
            self.make_room(now);
        }
        self.buckets.insert(key, taken.full_at);
        Some(taken.full_at)
    }

    /// Puts one back that was taken.
    pub(super) fn give_back(&mut self, key: &K, rate: Rate, now: Timestamp) {
        if let Some(full_at) = self.buckets.get_mut(key) {
            *full_at = rate.take(*full_at, now, 0, 1).full_at;
        }
    }

    /// Forgets what is full again; if that is not much, the half that is nearest to it.
    fn make_room(&mut self, now: Timestamp) {
        let now = micros(now);
        self.buckets.retain(|_, full_at| *full_at > now);
        if self.buckets.len() < MAX_BUCKETS / 2 {
            return;
        }
        let mut states: Vec<FullAt> = self.buckets.values().copied().collect();
        let half = states.len() / 2;
        let (_, middle, _) = states.select_nth_unstable(half);
        let middle = *middle;
        self.buckets.retain(|_, full_at| *full_at > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_the_emptiest_stays() {
        let (rate, now) = (
            Rate::per_minute(10).unwrap(),
            Timestamp::from_millis(1_000_000),
        );
        let mut meter = Meter::default();
        for _ in 0..10 {
            assert!(meter.take(usize::MAX, rate, now).is_some());
        }
        for key in 0..3 * MAX_BUCKETS {
            assert!(meter.take(key, rate, now).is_some());
            assert!(meter.buckets.len() <= MAX_BUCKETS);
        }
        assert_eq!(meter.take(usize::MAX, rate, now), None);
    }
}
