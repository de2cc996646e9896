//! The facts of a task. Each is one row of its append-only journal; state, history, output,
//! pending approvals and the stream are folds of these rows.
//!
//! To add a kind: add a variant with its name in [`JournalEvent::kind`], teach
//! [`RunFold::apply`](crate::RunFold::apply) and the wire mapping about it, and add a golden row.
//! To change a kind: raise its version, keep decoding the old one for ever.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CallId, ConversationId, Egress, MessageId, RunNumber, Seq, SessionId, Timestamp};

/// One row of a task's journal.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalRow {
    /// Its place in the task's journal.
    pub seq: Seq,
    /// The run it belongs to.
    pub run: RunNumber,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    pub event: JournalEvent,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum JournalEvent {
    /// The caller said something: the first row of every run.
    UserMessage(UserMessage),
    /// A worker took the run up for the first time.
    RunStarted(RunStarted),
    /// A worker took the run up again after a crash, a hand-over or an approval.
    RunResumed {
        /// The attempt that goes on.
        attempt: i64,
    },
    /// Something a watcher should know and the model need not.
    Notice {
        /// What kind of news.
        status: NoticeStatus,
        /// For people.
        message: String,
    },
    /// The model finished a turn (or the provider cut it).
    ModelTurn(ModelTurn),
    /// A proposed call waits for a person.
    ToolWaiting {
        /// Which call.
        call_id: CallId,
    },
    /// A person decided about a waiting call.
    ToolDecided(ToolDecided),
    /// A call is about to run.
    ToolStarted {
        /// Which call.
        call_id: CallId,
    },
    /// A call ended.
    ToolFinished(ToolFinished),
    /// Connections went out, or were refused.
    Egress(Egress),
    /// The run ended.
    RunFinished(RunOutcome),
    /// The older part of the conversation was summarized: the model is shown the summary in its
    /// place from now on.
    Compacted(Compacted),
}

/// See [`JournalEvent::UserMessage`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserMessage {
    /// The saved message's id.
    pub message_id: MessageId,
    /// The caller's own text.
    pub content: String,
    /// Files that came with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attached_files: Vec<AttachedFile>,
    /// Names of the secrets that came with it; their values are never stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_names: Vec<String>,
}

/// A file that came with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedFile {
    /// Base name.
    pub name: String,
    /// Relative to the workspace.
    pub path: String,
}

/// See [`JournalEvent::RunStarted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The session the run works in.
    pub session_id: SessionId,
    /// The conversation, made when the first run starts.
    pub conversation_id: ConversationId,
    /// The model, as `provider/model`.
    pub model: String,
    /// Names of the secrets that the session held: without them the run cannot go on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_names: Vec<String>,
}

/// The value of a `status` event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeStatus {
    /// Connecting to something the run needs.
    Connecting,
    /// The run goes on, with this news.
    Processing,
    /// A model request is tried again.
    Retrying,
}

/// See [`JournalEvent::ModelTurn`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelTurn {
    /// The turn's number in its run, from 1.
    pub turn: i64,
    /// What the model said, masked.
    pub text: String,
    /// Whether the run has said something before, so that the wire text begins with a blank line.
    pub continues: bool,
    /// What the model thought, masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thoughts: Vec<Thought>,
    /// The calls it proposed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// How it ended.
    pub finish: FinishReason,
    /// What it cost.
    pub usage: Usage,
    /// What the provider wants to get back unchanged with the next request.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub provider_state: Value,
}

impl ModelTurn {
    /// The turn's text as clients see it: a later segment begins with a blank line, so that the
    /// plain concatenation of a run's segments is well-formed text.
    pub fn wire_text(&self) -> String {
        if self.continues && !self.text.is_empty() {
            format!("\n\n{}", self.text)
        } else {
            self.text.clone()
        }
    }
}

/// How a model turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model had nothing more to say.
    Stop,
    /// The model wants its calls answered.
    ToolCalls,
    /// The provider's output limit was reached.
    Length,
    /// The connection ended after text was sent; the next request goes on after it.
    Cut,
    /// The model refused.
    Refusal,
}

/// A thought of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thought {
    /// A few words; may be empty.
    pub subject: String,
    /// The rest.
    pub description: String,
}

/// A call that a model proposed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Unique within the task.
    pub call_id: CallId,
    /// The tool's name as the model gave it.
    pub name: String,
    /// The arguments: an object, or whatever the model sent.
    pub args: Value,
}

/// Tokens of a model request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the request.
    pub input_tokens: u64,
    /// Tokens of the answer, thoughts included.
    pub output_tokens: u64,
    /// Tokens of the request that the provider had cached.
    pub cached_tokens: u64,
}

impl Usage {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
        }
    }
}

/// See [`JournalEvent::ToolDecided`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolDecided {
    /// Which call.
    pub call_id: CallId,
    /// What was decided.
    pub outcome: ApprovalOutcome,
    /// Told to the model on `cancel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Run with these arguments instead of the proposed ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Value>,
    /// The session whose later similar calls `proceed_always` covers.
    pub session_id: Option<SessionId>,
}

/// What a person may decide about a waiting call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalOutcome {
    /// Run this call.
    ProceedOnce,
    /// Run it and similar calls of the session.
    ProceedAlways,
    /// Run it and every call of the same tool in the session.
    ProceedAlwaysTool,
    /// Run it and every call of the same MCP server in the session.
    ProceedAlwaysServer,
    /// Do not run it.
    Cancel,
}

/// See [`JournalEvent::ToolFinished`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolFinished {
    /// Which call.
    pub call_id: CallId,
    /// How it ended.
    pub status: ToolStatus,
    /// What it printed or answered, masked, at most [`WIRE_OUTPUT_BYTES`](crate::WIRE_OUTPUT_BYTES)
    /// and a marker.
    pub output: String,
    /// What went wrong, when `status` is `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How a tool call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolStatus {
    /// It did what it was asked.
    Success,
    /// It failed; the task goes on.
    Error,
    /// It was not run, or stopped.
    Cancelled,
}

/// See [`JournalEvent::Compacted`]. What the summary stands for is told by runs and turns, which are
/// the same for who writes this row and for who reads it; a decision that was written meanwhile
/// moves the numbers of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compacted {
    /// The first run of which the model still sees something: its message, and what follows. The
    /// summary stands for all runs before it,
    pub from_run: RunNumber,
    /// and for its turns up to this one; 0: for none of them.
    pub through_turn: i64,
    /// What the model is shown in their place, masked; may be empty.
    pub summary: String,
    /// What the summary cost.
    pub usage: Usage,
    /// Bytes that are shown of each output of the calls so far, where that is less than usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
}

/// See [`JournalEvent::RunFinished`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum RunOutcome {
    /// The agent finished.
    Completed,
    /// The agent could not finish.
    Failed {
        /// The stable code.
        code: RunErrorCode,
        /// For people.
        message: String,
    },
    /// Somebody cancelled the run.
    Cancelled,
}

/// Why a run failed: the `code` of an `error` event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunErrorCode {
    /// The model's provider failed.
    ModelError,
    /// The model's provider says the quota is exhausted.
    ModelQuota,
    /// The model refused without a word.
    ModelRefused,
    /// The conversation does not fit into the model's window.
    ContextOverflow,
    /// Too many model turns.
    TurnLimit,
    /// Too much time.
    TimeLimit,
    /// The organization's cap is reached.
    QuotaExceeded,
    /// A restart took something the run cannot go on without.
    Interrupted,
    /// A fault of this server.
    InternalError,
}

impl RunErrorCode {
    /// Every code.
    pub const ALL: [Self; 9] = [
        Self::ModelError,
        Self::ModelQuota,
        Self::ModelRefused,
        Self::ContextOverflow,
        Self::TurnLimit,
        Self::TimeLimit,
        Self::QuotaExceeded,
        Self::Interrupted,
        Self::InternalError,
    ];
}

/// A row that this version cannot read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A kind or version that is not known.
    #[error("unknown journal row {kind} version {version}")]
    Unknown {
        /// The row's kind.
        kind: String,
        /// The row's version.
        version: i64,
    },
    /// A payload that does not fit its kind.
    #[error("payload of journal row {kind}")]
    Payload {
        /// The row's kind.
        kind: String,
        /// What did not fit.
        source: serde_json::Error,
    },
}

#[derive(Serialize, Deserialize)]
struct Resumed {
    attempt: i64,
}

#[derive(Serialize, Deserialize)]
struct Notice {
    status: NoticeStatus,
    message: String,
}

#[derive(Serialize, Deserialize)]
struct Call {
    call_id: CallId,
}

impl JournalEvent {
    /// The version that [`encode`](Self::encode) writes, for every kind so far.
    pub const VERSION: i64 = 1;

    /// The name of every kind.
    pub const KINDS: [&'static str; 12] = [
        "user_message",
        "run_started",
        "run_resumed",
        "notice",
        "model_turn",
        "tool_waiting",
        "tool_decided",
        "tool_started",
        "tool_finished",
        "egress",
        "run_finished",
        "compacted",
    ];

    /// The name under which the row is stored.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UserMessage(_) => "user_message",
            Self::RunStarted(_) => "run_started",
            Self::RunResumed { .. } => "run_resumed",
            Self::Notice { .. } => "notice",
            Self::ModelTurn(_) => "model_turn",
            Self::ToolWaiting { .. } => "tool_waiting",
            Self::ToolDecided(_) => "tool_decided",
            Self::ToolStarted { .. } => "tool_started",
            Self::ToolFinished(_) => "tool_finished",
            Self::Egress(_) => "egress",
            Self::RunFinished(_) => "run_finished",
            Self::Compacted(_) => "compacted",
        }
    }

    /// The payload, JSON text on one line.
    pub fn encode(&self) -> String {
        match self {
            Self::UserMessage(e) => serde_json::to_string(e),
            Self::RunStarted(e) => serde_json::to_string(e),
            Self::RunResumed { attempt } => serde_json::to_string(&Resumed { attempt: *attempt }),
            Self::Notice { status, message } => serde_json::to_string(&Notice {
                status: *status,
                message: message.clone(),
            }),
            Self::ModelTurn(e) => serde_json::to_string(e),
            Self::ToolWaiting { call_id } | Self::ToolStarted { call_id } => {
                serde_json::to_string(&Call {
                    call_id: call_id.clone(),
                })
            }
            Self::ToolDecided(e) => serde_json::to_string(e),
            Self::ToolFinished(e) => serde_json::to_string(e),
            Self::Egress(e) => serde_json::to_string(e),
            Self::RunFinished(e) => serde_json::to_string(e),
            Self::Compacted(e) => serde_json::to_string(e),
        }
        .expect("journal events hold only strings, numbers and JSON values")
    }

    /// Reads a stored row of any version ever written.
    ///
    /// # Errors
    /// A kind or version of a newer server, or a damaged payload.
    pub fn decode(kind: &str, version: i64, payload: &str) -> Result<Self, DecodeError> {
        if version != Self::VERSION {
            return Err(DecodeError::Unknown {
                kind: kind.to_owned(),
                version,
            });
        }
        let event =
            match kind {
                "user_message" => serde_json::from_str(payload).map(Self::UserMessage),
                "run_started" => serde_json::from_str(payload).map(Self::RunStarted),
                "run_resumed" => serde_json::from_str(payload)
                    .map(|Resumed { attempt }| Self::RunResumed { attempt }),
                "notice" => serde_json::from_str(payload)
                    .map(|Notice { status, message }| Self::Notice { status, message }),
                "model_turn" => serde_json::from_str(payload).map(Self::ModelTurn),
                "tool_waiting" => serde_json::from_str(payload)
                    .map(|Call { call_id }| Self::ToolWaiting { call_id }),
                "tool_decided" => serde_json::from_str(payload).map(Self::ToolDecided),
                "tool_started" => serde_json::from_str(payload)
                    .map(|Call { call_id }| Self::ToolStarted { call_id }),
                "tool_finished" => serde_json::from_str(payload).map(Self::ToolFinished),
                "egress" => serde_json::from_str(payload).map(Self::Egress),
                "run_finished" => serde_json::from_str(payload).map(Self::RunFinished),
                "compacted" => serde_json::from_str(payload).map(Self::Compacted),
                _ => {
                    return Err(DecodeError::Unknown {
                        kind: kind.to_owned(),
                        version,
                    });
                }
            };
        event.map_err(|source| DecodeError::Payload {
            kind: kind.to_owned(),
            source,
        })
    }
}
