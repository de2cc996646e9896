//! Receipts of connections out.

use serde::{Deserialize, Serialize};

use crate::CallId;

/// What became of the connections to one place: those that a call made there with one result are
/// told together. See [`JournalEvent::Egress`](crate::JournalEvent::Egress).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Egress {
    /// The call that made them; absent where several ran at that moment, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<CallId>,
    /// The name or literal address that was asked for, masked, at most 253 characters.
    pub host: String,
    /// The port; 53 where a name was asked for and not told.
    pub port: u16,
    /// What was decided.
    pub decision: EgressDecision,
    /// Why, unless they were allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many there were.
    pub connections: u64,
    /// Bytes that were sent out.
    pub sent_bytes: u64,
    /// Bytes that came back.
    pub received_bytes: u64,
    /// Further connections, to other places, that nothing else is known of: there were too many.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde calls"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Whether a connection was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EgressDecision {
    /// It was.
    Allowed,
    /// It may not be.
    Refused,
    /// It might have been, but the host is unknown or does not answer.
    Failed,
}
