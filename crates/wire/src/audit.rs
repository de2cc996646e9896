//! Entries of the audit log.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Who changed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditActor {
    /// `apiKey`, `operator` or `server`.
    pub kind: String,
    /// The key.
    pub id: Option<String>,
    /// The user who owns it.
    pub name: Option<String>,
}

/// What an entry says: a line of an export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditFacts {
    /// Its number in its chain, from 1 without a gap.
    pub seq: i64,
    /// When.
    pub at: String,
    /// Whose organization.
    pub organization_id: Option<String>,
    /// Who.
    pub actor: AuditActor,
    /// From where; `null`: from the server's machine.
    pub ip: Option<String>,
    /// What was done.
    pub action: String,
    /// To what: its id.
    pub target: String,
    /// What it was before; of a change, what differs.
    pub before: Option<Value>,
    /// What it is now; of a change, what differs.
    pub after: Option<Value>,
    /// SHA-256 of the line before, in hexadecimal digits.
    pub previous: String,
}

/// An entry, with the hash that the next one holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntryResponse {
    /// What it says.
    #[serde(flatten)]
    pub facts: AuditFacts,
    /// SHA-256 of its line.
    pub hash: String,
}
