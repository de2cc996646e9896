//! What changes of a task beside its journal.

use model::{ConversationId, SessionId, TaskId, TaskStatus, Timestamp};
use serde_json::Value;

use super::append::Head;
use crate::Error;
use crate::tx::Tx;
use crate::value::{Json, params};

/// What changes of a task: `None` leaves a field as it is, `Some(None)` empties it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskPatch {
    /// What clients see of its state.
    pub status: Option<TaskStatus>,
    /// Why it failed.
    pub error: Option<Option<String>>,
    /// The session of its latest run.
    pub session_id: Option<SessionId>,
    /// Its conversation.
    pub conversation_id: Option<ConversationId>,
    /// When its current run started.
    pub started_at: Option<Timestamp>,
    /// When its current run ended.
    pub completed_at: Option<Option<Timestamp>>,
    /// Messages saved so far.
    pub message_count: Option<i64>,
    /// A follow-up's own prompt.
    pub system_prompt: Option<Option<String>>,
    /// Whether tool calls run without asking, from a follow-up on.
    pub auto_execute: Option<bool>,
    /// A follow-up's own environment.
    pub env: Option<Option<Value>>,
    /// Names of a follow-up's own secrets.
    pub secret_names: Option<Vec<String>>,
}

impl TaskPatch {
    /// Changes what every append writes anyway.
    pub(super) fn apply(&self, head: &mut Head) {
        let Self {
            status,
            error,
            session_id,
            conversation_id,
            started_at,
            completed_at,
            message_count,
            // Written by `write_inputs`.
            system_prompt: _,
            auto_execute: _,
            env: _,
            secret_names: _,
        } = self;
        head.status = status.unwrap_or(head.status);
        if let Some(error) = error {
            head.error = error.clone().map(Json);
        }
        head.session_id = session_id.or(head.session_id);
        if conversation_id.is_some() {
            head.conversation_id.clone_from(conversation_id);
        }
        head.started_at = started_at.or(head.started_at);
        head.completed_at = completed_at.unwrap_or(head.completed_at);
        head.message_count = message_count.unwrap_or(head.message_count);
    }

    /// Writes what only a follow-up changes.
    pub(super) async fn write_inputs(&self, tx: &mut Tx, task_id: TaskId) -> Result<(), Error> {
        if let Some(prompt) = &self.system_prompt {
            let prompt = prompt.as_ref().map(Json);
            tx.execute(
                "UPDATE tasks SET system_prompt = $2 WHERE id = $1",
                params![task_id, prompt],
            )
            .await?;
        }
        if let Some(auto_execute) = self.auto_execute {
            tx.execute(
                "UPDATE tasks SET auto_execute = $2 WHERE id = $1",
                params![task_id, auto_execute],
            )
            .await?;
        }
        if let Some(env) = &self.env {
            let env = env.as_ref().map(Json);
            tx.execute(
                "UPDATE tasks SET env = $2 WHERE id = $1",
                params![task_id, env],
            )
            .await?;
        }
        if let Some(names) = &self.secret_names {
            tx.execute(
                "UPDATE tasks SET secret_names = $2 WHERE id = $1",
                params![task_id, Json(names)],
            )
            .await?;
        }
        Ok(())
    }
}
