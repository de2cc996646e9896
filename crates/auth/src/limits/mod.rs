//! How often somebody may ask. [`RateLimits`] meters who was let in (per key, end user,
//! organization, and tokens made per app) and whose credentials were refused (per source address
//! and per app). A refusal is counted after it was decided: a flood of bad credentials turns their
//! own refusals into `RATE_LIMITED` and never locks out a good one.
//!
//! Passwords and one-time links are the exception: to look at one is slow, so an address that gave
//! too many wrong ones is refused before.
//!
//! One process alone meters in memory. Several on one database share buckets in a table, of which
//! each takes a second's worth at a time, so that they let in no more together than one alone.
//! Refusals are metered by each process for itself: garbage must not reach the database.

mod attempts;
mod bucket;
mod leases;
mod meter;
mod rate_limits;

pub use attempts::Attempt;
pub use bucket::Standing;
pub(crate) use bucket::{Bucket, source_network};
pub use rate_limits::{RateError, RateLimits, RateLimitsConfig};
