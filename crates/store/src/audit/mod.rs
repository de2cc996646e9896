//! The audit log: one chain of entries an organization, and one of the instance itself.
//!
//! A command that changes settings takes a [`ChangedBy`] and calls [`record`] in its own
//! transaction, as its last step: whoever changes settings of one organization at the same time
//! waits for the other there, and holds nothing that a third one could need first. An entry that
//! cannot be kept undoes the change. To add an action: a variant of [`AuditAction`] and its row in
//! the API reference.

mod chain;
mod entry;
mod log;

pub use chain::AuditFault;
pub(crate) use entry::Done;
pub use entry::{AuditAction, ChangedBy};
pub(crate) use log::record;
pub use log::{AuditReport, AuditRow};
