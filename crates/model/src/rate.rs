//! How many in a minute: the generic cell rate algorithm, as a pure function.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

const MINUTE_US: i64 = 60_000_000;

/// So many in a minute: a bucket that holds a minute's worth and refills evenly. Its state is one
/// number, the moment at which it is full again; one that was never used is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "RawRate")]
pub struct Rate {
    per_minute: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRate {
    per_minute: i64,
}

impl TryFrom<RawRate> for Rate {
    type Error = InvalidRate;

    fn try_from(raw: RawRate) -> Result<Self, InvalidRate> {
        Self::per_minute(raw.per_minute)
    }
}

/// A number that is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate is from 1 to {} a minute", Rate::MAX)]
pub struct InvalidRate;

/// The moment at which a bucket is full again, microseconds since the Unix epoch.
pub type FullAt = i64;

impl Rate {
    /// The largest: more than a server answers.
    pub const MAX: i64 = 1_000_000;

    /// So many in a minute.
    ///
    /// # Errors
    /// [`InvalidRate`] for less than 1 and more than [`MAX`](Self::MAX).
    pub fn per_minute(number: i64) -> Result<Self, InvalidRate> {
        if (1..=Self::MAX).contains(&number) {
            Ok(Self { per_minute: number })
        } else {
            Err(InvalidRate)
        }
    }

    /// How many a minute.
    pub fn get(self) -> i64 {
        self.per_minute
    }

    /// Microseconds until one more fits in.
    fn interval(self) -> i64 {
        MINUTE_US / self.per_minute
    }

    /// How many are left in a bucket.
    pub fn left(self, full_at: FullAt, now: Timestamp) -> i64 {
        let now = micros(now);
        let burst = self.per_minute * self.interval();
        (now + burst - full_at.max(now)) / self.interval()
    }

    /// Takes up to `wanted` out of a bucket, and puts `returned` back before.
    pub fn take(self, full_at: FullAt, now: Timestamp, wanted: i64, returned: i64) -> Taken {
        let full_at = full_at - returned * self.interval();
        let granted = self.left(full_at, now).clamp(0, wanted);
        Taken {
            granted,
            full_at: full_at.max(micros(now)) + granted * self.interval(),
        }
    }

    /// Whole seconds until there is one in an empty bucket, at least 1.
    pub fn retry_after_s(self, full_at: FullAt, now: Timestamp) -> i64 {
        let burst = self.per_minute * self.interval();
        seconds(full_at + self.interval() - burst - micros(now)).max(1)
    }

    /// Whole seconds until a bucket is full.
    pub fn full_in_s(self, full_at: FullAt, now: Timestamp) -> i64 {
        seconds(full_at - micros(now)).max(0)
    }
}

/// What was taken out of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// How many.
    pub granted: i64,
    /// The bucket's state from now on.
    pub full_at: FullAt,
}

/// A moment as a state of a bucket that is full from then on.
pub fn micros(at: Timestamp) -> FullAt {
    at.as_millis().saturating_mul(1_000)
}

fn seconds(micros: i64) -> i64 {
    micros.div_euclid(1_000_000) + i64::from(micros.rem_euclid(1_000_000) > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    #[test]
    fn a_bucket_holds_a_minute_and_refills_evenly() {
        let rate = Rate::per_minute(60).unwrap();
        let first = rate.take(0, at(0), 100, 0);
        assert_eq!(first.granted, 60);
        assert_eq!(rate.retry_after_s(first.full_at, at(0)), 1);
        assert_eq!(rate.full_in_s(first.full_at, at(0)), 60);
        assert_eq!(rate.take(first.full_at, at(999), 1, 0).granted, 0);
        let second = rate.take(first.full_at, at(1_000), 5, 0);
        assert_eq!(second.granted, 1);
        assert_eq!(rate.left(second.full_at, at(11_000)), 10);
        assert_eq!(rate.left(second.full_at, at(1_000_000)), 60);
    }

    #[test]
    fn what_is_put_back_can_be_taken_again() {
        let rate = Rate::per_minute(600).unwrap();
        let empty = rate.take(0, at(0), 600, 0);
        let again = rate.take(empty.full_at, at(0), 10, 4);
        assert_eq!(again.granted, 4);
        // No more than fits in.
        assert_eq!(rate.take(0, at(0), 1_000, 50).granted, 600);
    }

    #[test]
    fn a_rate_has_its_bounds() {
        for wrong in [0, -1, Rate::MAX + 1] {
            assert_eq!(Rate::per_minute(wrong), Err(InvalidRate));
        }
        let rate: Rate = serde_json::from_str(r#"{"perMinute": 7}"#).unwrap();
        assert_eq!(rate.get(), 7);
        assert!(serde_json::from_str::<Rate>(r#"{"perMinute": 0}"#).is_err());
        let most = Rate::per_minute(Rate::MAX).unwrap();
        assert_eq!(most.take(0, at(0), i64::MAX, 0).granted, Rate::MAX);
    }
}
