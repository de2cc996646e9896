//! Runs: where each stands between the workers, who holds it and until when.

mod claim;
mod control;
mod lease;
mod rows;

pub use claim::{ClaimRequest, ClaimedRun};
pub use control::{CancelTarget, FenceOff, RunCounts, RunRow};
pub use lease::{LeaseRenewal, Renewed};

#[cfg(test)]
pub(crate) use claim::WAITING_PROJECTS;
pub(crate) use claim::take_turn;
pub(crate) use rows::{NewRun, RunHead, delete_handover, insert, lock, put_handover, write};
