//! Saved messages: the body of `GET /api/v1/tasks/{id}/history` and of `history_message` events.

use model::{JournalEvent, JournalRow, MessageId, RunFold, RunOutcome, Task, UserMessage};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ThoughtResponse, ToolCallResponse};

/// Answer of `GET /api/v1/tasks/{id}/history`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryResponse {
    /// The task.
    pub task_id: String,
    /// The conversation; `null` until the first run starts.
    pub conversation_id: Option<String>,
    /// The task's status.
    pub status: String,
    /// Oldest first.
    pub messages: Vec<MessageResponse>,
}

impl HistoryResponse {
    /// The history of a task from its whole journal.
    pub fn new(task: &Task, rows: &[JournalRow]) -> Self {
        Self {
            task_id: task.id.to_string(),
            conversation_id: task.conversation_id.as_ref().map(ToString::to_string),
            status: task.status.as_str().to_owned(),
            messages: messages_of(rows),
        }
    }
}

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The caller.
    User,
    /// The agent.
    Assistant,
}

/// A saved message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageResponse {
    /// Its id, stable.
    pub id: String,
    /// Who said it.
    pub role: Role,
    /// What.
    pub content: String,
    /// When.
    pub created_at: String,
    /// Files that came with it; user messages only, absent if none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attached_files: Vec<AttachedFileResponse>,
    /// Thoughts of the run; assistant messages only, absent if none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thoughts: Vec<ThoughtResponse>,
    /// Tool calls of the run; assistant messages only, absent if none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCallResponse>,
}

/// A file that came with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttachedFileResponse {
    /// Base name.
    pub name: String,
    /// Relative to the workspace.
    pub path: String,
}

impl MessageResponse {
    /// A user message as saved in `row`.
    pub(crate) fn user(message: &UserMessage, row: &JournalRow) -> Self {
        let files = message
            .attached_files
            .iter()
            .map(|file| AttachedFileResponse {
                name: file.name.clone(),
                path: file.path.clone(),
            });
        Self {
            id: message.message_id.to_string(),
            role: Role::User,
            content: message.content.clone(),
            created_at: row.at.to_string(),
            attached_files: files.collect(),
            thoughts: Vec::new(),
            tool_calls: Vec::new(),
        }
    }

    /// The assistant message that a run leaves when it ends in `row`: one a run; none for a failed
    /// or cancelled run that said nothing.
    fn assistant(run: &RunFold, row: &JournalRow) -> Option<Self> {
        let completed = run.outcome() == Some(&RunOutcome::Completed);
        if run.text().is_empty() && !completed {
            return None;
        }
        let id = run
            .user_message()
            .map(|user| MessageId::of_answer(&user.message_id))?;
        Some(Self {
            id: id.to_string(),
            role: Role::Assistant,
            content: run.text().to_owned(),
            created_at: row.at.to_string(),
            attached_files: Vec::new(),
            thoughts: run.thoughts().map(ThoughtResponse::from).collect(),
            tool_calls: run.calls().iter().map(ToolCallResponse::from).collect(),
        })
    }
}

/// The saved messages of a journal, oldest first. The answer of a run that still goes on is not
/// among them.
pub fn messages_of(rows: &[JournalRow]) -> Vec<MessageResponse> {
    let mut messages = Vec::new();
    let mut fold: Option<RunFold> = None;
    for row in rows {
        let run = match &mut fold {
            Some(run) if run.run() == row.run => run,
            Some(_) | None => fold.insert(RunFold::new(row.run)),
        };
        run.apply(row);
        match &row.event {
            JournalEvent::UserMessage(message) => {
                messages.push(MessageResponse::user(message, row));
            }
            JournalEvent::RunFinished(_) => messages.extend(MessageResponse::assistant(run, row)),
            JournalEvent::RunStarted(_)
            | JournalEvent::RunResumed { .. }
            | JournalEvent::Notice { .. }
            | JournalEvent::Compacted(_)
            | JournalEvent::ModelTurn(_)
            | JournalEvent::ToolWaiting { .. }
            | JournalEvent::ToolDecided(_)
            | JournalEvent::ToolStarted { .. }
            | JournalEvent::ToolFinished(_)
            | JournalEvent::Egress(_) => {}
        }
    }
    messages
}
