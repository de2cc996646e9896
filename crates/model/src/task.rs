//! A task and where it stands.

use serde_json::Value;

use crate::{
    ApiKeyId, ConversationId, EndUserId, OrganizationId, ProjectId, RunNumber, Seq, SessionId,
    TaskId, Timestamp,
};

/// A task as it is kept: what the caller asked for, and the projections of its journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// The organization that is charged.
    pub organization_id: OrganizationId,
    /// The project whose configuration it runs with.
    pub project_id: ProjectId,
    /// The key that created it.
    pub api_key_id: Option<ApiKeyId>,
    /// The end user that created it.
    pub end_user_id: Option<EndUserId>,
    /// The name of who created it.
    pub username: String,
    /// The session of its latest run, once that started.
    pub session_id: Option<SessionId>,
    /// Its conversation, made when its first run starts.
    pub conversation_id: Option<ConversationId>,
    /// What clients see of its state.
    pub status: TaskStatus,
    /// The first message.
    pub message: String,
    /// Put in front of the system prompt.
    pub system_prompt: Option<String>,
    /// Whether conversation lists show it.
    pub show_in_history: bool,
    /// Whether tool calls run without asking.
    pub auto_execute: bool,
    /// Environment variables that the caller gave, an object of strings.
    pub env: Option<Value>,
    /// Names of the secrets that the caller gave; the values are never stored.
    pub secret_names: Vec<String>,
    /// The model asked for, as `provider/model`; `None`: the server's default.
    pub model: Option<String>,
    /// The turn limit asked for.
    pub max_turns: Option<i64>,
    /// The running-time limit asked for, milliseconds.
    pub timeout_ms: Option<i64>,
    /// The caller's own labels, an object of strings.
    pub metadata: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its current run started.
    pub started_at: Option<Timestamp>,
    /// When its current run ended.
    pub completed_at: Option<Timestamp>,
    /// The latest of the three.
    pub last_activity_at: Timestamp,
    /// Messages saved so far.
    pub message_count: i64,
    /// Its latest run.
    pub run: RunNumber,
    /// The journal row with which its latest run begins.
    pub run_first_seq: Seq,
    /// Its last journal row.
    pub last_seq: Seq,
}

/// What clients see of a task's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskStatus {
    /// Created, not started.
    Pending,
    /// Executing, or queued to go on.
    Running,
    /// At least one call waits for a person.
    AwaitingApproval,
    /// Ended well.
    Completed,
    /// Ended with an error.
    Failed,
    /// Ended by its caller.
    Cancelled,
}

impl TaskStatus {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Running,
        Self::AwaitingApproval,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The wire and database name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Whether a run of the task is open: it will send more.
    pub fn is_open(self) -> bool {
        match self {
            Self::Pending | Self::Running | Self::AwaitingApproval => true,
            Self::Completed | Self::Failed | Self::Cancelled => false,
        }
    }
}

/// Where a run stands between the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunState {
    /// Waits for a worker.
    Queued,
    /// A worker holds it.
    Leased,
    /// Waits for a person; no worker, no slot.
    Parked,
    /// Over.
    Ended,
}

impl RunState {
    /// The database name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Parked => "parked",
            Self::Ended => "ended",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Queued, Self::Leased, Self::Parked, Self::Ended]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}
