//! The events of the stream.

use model::{NoticeStatus, RunErrorCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{MessageResponse, ThoughtResponse};

/// The `code` of the `error` event that ends a cancelled run.
pub const TASK_CANCELLED: &str = "TASK_CANCELLED";

/// One event of the stream.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    /// A saved message.
    HistoryMessage(Box<MessageResponse>),
    /// The saved messages are complete.
    HistoryDone {
        /// How many there were.
        message_count: usize,
        /// Whether live events follow.
        is_streaming: bool,
    },
    /// News about the run.
    Status {
        /// Which.
        status: StatusName,
        /// For people.
        message: String,
    },
    /// A thought of the model.
    Thought(ThoughtResponse),
    /// More text: a delta.
    Content {
        /// The text to add.
        text: String,
        /// `false` for the last delta of a text segment.
        is_partial: bool,
    },
    /// A tool call waits or runs.
    ToolCall {
        /// Unique within the task.
        call_id: String,
        /// The tool.
        tool_name: String,
        /// `awaiting_approval` or `executing`.
        status: &'static str,
        /// The arguments that count.
        args: Value,
    },
    /// A tool call ended.
    ToolResult {
        /// Unique within the task.
        call_id: String,
        /// The tool.
        tool_name: String,
        /// `success`, `error` or `cancelled`.
        status: &'static str,
        /// What it answered.
        output: String,
        /// What went wrong.
        error: Option<String>,
    },
    /// The run failed or was cancelled: terminal.
    Error {
        /// For people.
        message: String,
        /// For programs.
        code: String,
    },
    /// The run completed: terminal.
    Done {
        /// All text of the run.
        final_response: String,
    },
}

/// The values of a `status` event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusName {
    /// Connecting to something the run needs.
    Connecting,
    /// The run goes on.
    Processing,
    /// A model request is tried again.
    Retrying,
}

impl From<NoticeStatus> for StatusName {
    fn from(status: NoticeStatus) -> Self {
        match status {
            NoticeStatus::Connecting => Self::Connecting,
            NoticeStatus::Processing => Self::Processing,
            NoticeStatus::Retrying => Self::Retrying,
        }
    }
}

impl StreamEvent {
    /// The name on the `event:` line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::HistoryMessage(_) => "history_message",
            Self::HistoryDone { .. } => "history_done",
            Self::Status { .. } => "status",
            Self::Thought(_) => "thought",
            Self::Content { .. } => "content",
            Self::ToolCall { .. } => "tool_call",
            Self::ToolResult { .. } => "tool_result",
            Self::Error { .. } => "error",
            Self::Done { .. } => "done",
        }
    }

    /// Whether the stream ends after it, when it belongs to the current run.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Error { .. } | Self::Done { .. })
    }

    /// The JSON on the `data:` line.
    pub fn data(&self) -> Value {
        match self {
            Self::HistoryMessage(message) => {
                serde_json::to_value(message).expect("messages hold only strings and JSON values")
            }
            Self::HistoryDone {
                message_count,
                is_streaming,
            } => {
                json!({"messageCount": message_count, "isStreaming": is_streaming})
            }
            Self::Status { status, message } => json!({"status": status, "message": message}),
            Self::Thought(thought) => {
                json!({"subject": thought.subject, "description": thought.description})
            }
            Self::Content { text, is_partial } => json!({"text": text, "isPartial": is_partial}),
            Self::ToolCall {
                call_id,
                tool_name,
                status,
                args,
            } => {
                json!({"callId": call_id, "toolName": tool_name, "status": status, "args": args})
            }
            Self::ToolResult {
                call_id,
                tool_name,
                status,
                output,
                error,
            } => {
                let mut data = json!({
                    "callId": call_id, "toolName": tool_name, "status": status, "output": output,
                });
                if let Some(error) = error {
                    data["error"] = json!(error);
                }
                data
            }
            Self::Error { message, code } => json!({"message": message, "code": code}),
            Self::Done { final_response } => json!({"finalResponse": final_response}),
        }
    }
}

/// The wire name of why a run failed.
pub(crate) fn error_code(code: RunErrorCode) -> &'static str {
    match code {
        RunErrorCode::ModelError => "MODEL_ERROR",
        RunErrorCode::ModelQuota => "MODEL_QUOTA",
        RunErrorCode::ModelRefused => "MODEL_REFUSED",
        RunErrorCode::ContextOverflow => "CONTEXT_OVERFLOW",
        RunErrorCode::TurnLimit => "TURN_LIMIT",
        RunErrorCode::TimeLimit => "TIME_LIMIT",
        RunErrorCode::QuotaExceeded => "QUOTA_EXCEEDED",
        RunErrorCode::Interrupted => "INTERRUPTED",
        RunErrorCode::InternalError => "INTERNAL_ERROR",
    }
}
