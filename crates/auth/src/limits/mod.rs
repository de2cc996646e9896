//! How often somebody may ask. [`RateLimits`] meters who was let in (per key, end user,
//! organization, and tokens made per app) and whose credentials were refused (per source address
//! and per app). A refusal is counted after it was decided: a flood of bad credentials turns their
//! own refusals into `RATE_LIMITED` and never locks out a good one.
//!
//! One process alone meters in memory. Several on one database share buckets in a table, of which
//! each takes a second's worth at a time, so that they let in no more together than one alone.
//! Refusals are metered by each process for itself: garbage must not reach the database.

mod bucket;
mod leases;
mod meter;
mod rate_limits;

pub use bucket::Standing;
pub(crate) use bucket::{Bucket, source_network};
pub use rate_limits::{RateError, RateLimits, RateLimitsConfig};
