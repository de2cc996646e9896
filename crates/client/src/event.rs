//! The events of the stream, as a reader sees them.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wire::{MessageResponse, ThoughtResponse};

use crate::Error;

/// One event of the stream.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerEvent {
    /// A saved message.
    HistoryMessage(Box<MessageResponse>),
    /// The saved messages are complete.
    HistoryDone {
        /// How many there were.
        message_count: u64,
        /// Whether live events follow.
        is_streaming: bool,
    },
    /// News about the run.
    Status {
        /// `connecting`, `processing` or `retrying`.
        status: String,
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
        /// Whether it waits for a decision.
        status: CallStatus,
        /// The arguments that count.
        args: Value,
    },
    /// A tool call ended.
    ToolResult {
        /// Unique within the task.
        call_id: String,
        /// The tool; some servers leave it out.
        tool_name: Option<String>,
        /// `success`, `error` or `cancelled`.
        status: CallStatus,
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
    /// An event that this client does not know. To be ignored; only its id counts.
    Unknown {
        /// Its name.
        name: String,
    },
}

/// How far a tool call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// It is being checked.
    Validating,
    /// It will run.
    Scheduled,
    /// It waits for a decision.
    AwaitingApproval,
    /// It runs.
    Executing,
    /// It ended well.
    Success,
    /// It ended badly.
    Error,
    /// It was rejected, or the run was cancelled.
    Cancelled,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HistoryDoneData {
    message_count: u64,
    is_streaming: bool,
}

#[derive(Deserialize)]
struct StatusData {
    status: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContentData {
    text: String,
    is_partial: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolCallData {
    call_id: String,
    tool_name: String,
    status: CallStatus,
    #[serde(default)]
    args: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolResultData {
    call_id: String,
    tool_name: Option<String>,
    status: CallStatus,
    #[serde(default)]
    output: String,
    error: Option<String>,
}

#[derive(Deserialize)]
struct ErrorData {
    message: String,
    code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DoneData {
    final_response: String,
}

impl ServerEvent {
    /// Whether a run ends with it.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Error { .. } | Self::Done { .. })
    }

    /// Reads the event `name` with the JSON of its `data:` line.
    pub(crate) fn parse(name: &str, data: &Value) -> Result<Self, Error> {
        Ok(match name {
            "history_message" => Self::HistoryMessage(Box::new(read(name, data)?)),
            "history_done" => {
                let data: HistoryDoneData = read(name, data)?;
                Self::HistoryDone {
                    message_count: data.message_count,
                    is_streaming: data.is_streaming,
                }
            }
            "status" => {
                let StatusData { status, message } = read(name, data)?;
                Self::Status { status, message }
            }
            "thought" => Self::Thought(read(name, data)?),
            "content" => {
                let ContentData { text, is_partial } = read(name, data)?;
                Self::Content { text, is_partial }
            }
            "tool_call" => {
                let data: ToolCallData = read(name, data)?;
                Self::ToolCall {
                    call_id: data.call_id,
                    tool_name: data.tool_name,
                    status: data.status,
                    args: data.args,
                }
            }
            "tool_result" => {
                let data: ToolResultData = read(name, data)?;
                Self::ToolResult {
                    call_id: data.call_id,
                    tool_name: data.tool_name,
                    status: data.status,
                    output: data.output,
                    error: data.error,
                }
            }
            "error" => {
                let ErrorData { message, code } = read(name, data)?;
                Self::Error { message, code }
            }
            "done" => {
                let DoneData { final_response } = read(name, data)?;
                Self::Done { final_response }
            }
            _ => Self::Unknown {
                name: name.to_owned(),
            },
        })
    }
}

fn read<T: DeserializeOwned>(name: &str, data: &Value) -> Result<T, Error> {
    T::deserialize(data).map_err(|error| Error::Protocol(format!("event `{name}`: {error}")))
}
