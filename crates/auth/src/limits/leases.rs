//! What this process took out of the buckets that all processes share, to spend within a second: a
//! request needs the database only when that is spent.

use std::collections::HashMap;

use model::{FullAt, Rate, Timestamp};
use store::{BucketGrant, BucketTake};

use super::Bucket;

/// How long what was taken may be spent, milliseconds. What is left then goes back with the next
/// taking.
const LEASE_MS: i64 = 1_000;
/// Leases that are remembered at most. What is forgotten is lost to its bucket, not won.
const MAX_LEASES: usize = 65_536;

#[derive(Debug, Clone, Copy)]
struct Lease {
    tokens: i64,
    /// How many were asked for.
    size: i64,
    until: Timestamp,
    /// The shared bucket when it was last taken from.
    full_at: FullAt,
}

/// What is to be taken next of a bucket.
struct Next {
    wanted: i64,
    returned: i64,
}

impl Lease {
    fn spend(&mut self, now: Timestamp) -> bool {
        let may = self.tokens > 0 && self.until > now;
        self.tokens -= i64::from(may);
        may
    }

    /// Twice as much as last time if that was spent within its time, up to a second's worth: so
    /// little that one process cannot starve the others. Else one, and the rest goes back; what
    /// lay here for longer is not counted any more, its bucket has refilled meanwhile.
    fn next(&mut self, rate: Rate, now: Timestamp) -> Next {
        let left = std::mem::take(&mut self.tokens);
        if self.until > now {
            let most = (rate.get() / 60).max(1);
            self.size = (self.size * 2).min(most);
        } else {
            self.size = 1;
        }
        let recent = now.millis_since(self.until) <= LEASE_MS;
        Next {
            wanted: self.size,
            returned: if recent { left } else { 0 },
        }
    }
}

/// What this process may spend, by bucket.
#[derive(Debug, Default)]
pub(super) struct Leases {
    held: HashMap<Bucket, Lease>,
}

impl Leases {
    /// Takes one of each bucket that has one here. Answers what the others must get, with the place
    /// of each in `wanted`.
    pub(super) fn spend(
        &mut self,
        wanted: &[(Bucket, Rate)],
        now: Timestamp,
    ) -> Vec<(usize, BucketTake)> {
        let mut missing = Vec::new();
        for (at, (bucket, rate)) in wanted.iter().enumerate() {
            let next = match self.held.get_mut(bucket) {
                Some(lease) => {
                    if lease.spend(now) {
                        continue;
                    }
                    lease.next(*rate, now)
                }
                None => Next {
                    wanted: 1,
                    returned: 0,
                },
            };
            let take = BucketTake {
                bucket: bucket.to_string(),
                rate: *rate,
                wanted: next.wanted,
                returned: next.returned,
            };
            missing.push((at, take));
        }
        missing
    }

    /// Keeps what was taken beyond what the request at hand needs of it.
    fn keep(&mut self, bucket: &Bucket, tokens: i64, full_at: FullAt, now: Timestamp) {
        if self.held.len() >= MAX_LEASES && !self.held.contains_key(bucket) {
            self.held.retain(|_, lease| lease.until > now);
            if self.held.len() >= MAX_LEASES {
                self.held.clear();
            }
        }
        let lease = self.held.entry(bucket.clone()).or_insert(Lease {
            tokens: 0,
            size: 1,
            until: now,
            full_at,
        });
        lease.tokens += tokens;
        lease.until = now.plus_millis(LEASE_MS);
        lease.full_at = full_at;
    }

    /// Gives one back.
    fn give_back(&mut self, bucket: &Bucket) {
        if let Some(lease) = self.held.get_mut(bucket) {
            lease.tokens += 1;
        }
    }

    /// The shared bucket as this process last saw it, and what it still may spend of it.
    pub(super) fn state(&self, bucket: &Bucket) -> (FullAt, i64) {
        let held = self.held.get(bucket);
        held.map_or((0, 0), |lease| (lease.full_at, lease.tokens))
    }

    /// Keeps what was granted, less one for the request; says which bucket had none.
    pub(super) fn settle(
        &mut self,
        wanted: &[(Bucket, Rate)],
        missing: &[(usize, BucketTake)],
        grants: &[BucketGrant],
        now: Timestamp,
    ) -> Option<usize> {
        let mut refused = None;
        for ((at, _), grant) in missing.iter().zip(grants) {
            let rest = (grant.granted - 1).max(0);
            self.keep(&wanted[*at].0, rest, grant.full_at, now);
            if grant.granted == 0 {
                refused = refused.or(Some(*at));
            }
        }
        if refused.is_some() {
            let none = |at: usize| {
                let mut pairs = missing.iter().zip(grants);
                pairs.any(|((place, _), grant)| *place == at && grant.granted == 0)
            };
            for (at, (bucket, _)) in wanted.iter().enumerate() {
                if !none(at) {
                    self.give_back(bucket);
                }
            }
        }
        refused
    }
}
