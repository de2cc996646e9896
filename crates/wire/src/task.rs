//! Bodies of the Task API: create, list, get, cancel, follow-up, approve.

use model::{CallFold, CallState, OpenTurn, RunFold, Task, Thought, ToolStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::FileBytes;

/// Body of `POST /api/v1/tasks`, in JSON. Forms carry the same fields as text, without `env` and
/// `secrets`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateTaskRequest {
    /// The instruction; not blank, at most 1 MiB.
    pub message: String,
    /// Put in front of the system prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    /// Whether conversation lists show the task. Default true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show_in_history: Option<bool>,
    /// Whether tool calls run without asking. Default true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_execute: Option<bool>,
    /// Environment variables of the sandbox, name to text; returned by `GET`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<Value>,
    /// Like `env`, but never stored, never logged, never returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Value>,
    /// A model that the server offers, as `provider/model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Model turns at most, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_turns: Option<i64>,
    /// Running time at most, milliseconds, from 1; waiting for approvals does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,
    /// The caller's own labels, text to text; returned by `GET`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
}

/// Body of `POST /api/v1/tasks` as a multipart form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateTaskForm {
    /// The instruction; not blank, at most 1 MiB.
    pub message: String,
    /// Put in front of the system prompt.
    pub system_prompt: Option<String>,
    /// `true`, `false`, `1` or `0`: whether conversation lists show the task. Default true.
    pub show_in_history: Option<String>,
    /// `true`, `false`, `1` or `0`: whether tool calls run without asking. Default true.
    pub auto_execute: Option<String>,
    /// Files for `uploads/`: at most 20, each of at most 52,428,800 bytes.
    #[schema(required = false)]
    pub files: Vec<FileBytes>,
}

/// Body of `POST /api/v1/tasks/{id}/messages` as a multipart form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct FollowUpForm {
    /// The message; not blank, at most 1 MiB.
    pub message: String,
    /// Files for `uploads/`: at most 20, each of at most 52,428,800 bytes.
    #[schema(required = false)]
    pub files: Vec<FileBytes>,
}

/// Answer of `POST /api/v1/tasks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateTaskResponse {
    /// The task.
    pub id: String,
    /// Always `pending`.
    pub status: String,
}

/// Body of `POST /api/v1/tasks/{id}/messages`, in JSON. Forms carry `message` only.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FollowUpRequest {
    /// The message; not blank, at most 1 MiB.
    pub message: String,
    /// Replaces the task's system prompt from this run on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    /// Replaces the task's `autoExecute` from this run on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_execute: Option<bool>,
    /// Replaces the task's `env` from this run on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<Value>,
    /// Replaces the session's secrets from this run on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Value>,
}

/// Answer of `POST /api/v1/tasks/{id}/messages`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FollowUpResponse {
    /// Always `running`.
    pub status: String,
}

/// Answer of `DELETE /api/v1/tasks/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CancelResponse {
    /// `Task cancelled`.
    pub message: String,
}

/// Body of `POST /api/v1/tasks/{id}/tools/{callId}/approve`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApproveRequest {
    /// `proceed_once`, `proceed_always` or `cancel`; also `proceed_always_tool` and
    /// `proceed_always_server`.
    pub outcome: String,
    /// Told to the model on `cancel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Run with these arguments instead of the proposed ones: an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Value>,
}

/// Answer of `POST /api/v1/tasks/{id}/tools/{callId}/approve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApproveResponse {
    /// `false` for `cancel`.
    pub approved: bool,
}

/// A task, as `GET /api/v1/tasks/{id}` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskResponse {
    /// Its id.
    pub id: String,
    /// The key that created it; `null` for tasks of end users.
    pub api_key_id: Option<String>,
    /// Who created it.
    pub username: String,
    /// The agent session; `null` until the first run starts.
    pub session_id: Option<String>,
    /// The conversation; `null` until the first run starts.
    pub conversation_id: Option<String>,
    /// `pending`, `running`, `awaiting_approval`, `completed`, `failed` or `cancelled`.
    pub status: String,
    /// The first message.
    pub message: String,
    /// Put in front of the system prompt.
    pub system_prompt: Option<String>,
    /// Whether conversation lists show it.
    pub show_in_history: bool,
    /// Whether tool calls run without asking.
    pub auto_execute: bool,
    /// Environment variables that came with the request.
    pub env: Option<Map<String, Value>>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was created.
    pub created_at: String,
    /// When its current run started.
    pub started_at: Option<String>,
    /// When its current run ended.
    pub completed_at: Option<String>,
    /// The caller's own labels; absent if none were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// What the current run made so far; absent before it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputResponse>,
    /// Calls that wait for a decision; absent if none do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending_approvals: Vec<PendingApprovalResponse>,
}

/// A task in `GET /api/v1/tasks`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskListItem {
    /// The task, without output and pending approvals.
    #[serde(flatten)]
    pub task: TaskResponse,
    /// Latest of `completedAt`, `startedAt`, `createdAt`.
    pub last_activity_at: String,
    /// Messages in the conversation; 0 until there is one.
    pub message_count: i64,
}

/// What a run made so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputResponse {
    /// All text so far.
    pub content: String,
    /// When it last changed.
    pub updated_at: String,
    /// Thoughts so far; absent if none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thoughts: Vec<ThoughtResponse>,
    /// Tool calls so far; absent if none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCallResponse>,
}

/// A thought of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThoughtResponse {
    /// A few words; may be empty.
    pub subject: String,
    /// The rest.
    pub description: String,
}

impl From<&Thought> for ThoughtResponse {
    fn from(thought: &Thought) -> Self {
        Self {
            subject: thought.subject.clone(),
            description: thought.description.clone(),
        }
    }
}

/// A tool call, in output and history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToolCallResponse {
    /// Unique within the task.
    pub call_id: String,
    /// The tool.
    pub tool_name: String,
    /// `scheduled`, `awaiting_approval`, `executing`, `success`, `error` or `cancelled`.
    pub status: String,
    /// The arguments that count.
    pub args: Value,
    /// What it answered, once it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// A call that waits for a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingApprovalResponse {
    /// Unique within the task.
    pub call_id: String,
    /// The tool.
    pub tool_name: String,
    /// The proposed arguments.
    pub args: Value,
}

impl From<&CallFold> for ToolCallResponse {
    fn from(call: &CallFold) -> Self {
        Self {
            call_id: call.call_id.to_string(),
            tool_name: call.name.clone(),
            status: call_status(&call.state).to_owned(),
            args: call.args().clone(),
            output: match &call.state {
                CallState::Finished(finished) => Some(finished.output.clone()),
                CallState::Proposed
                | CallState::Waiting
                | CallState::Decided { .. }
                | CallState::Started => None,
            },
        }
    }
}

/// The wire name of how far a call got.
pub fn call_status(state: &CallState) -> &'static str {
    match state {
        CallState::Proposed | CallState::Decided { .. } => "scheduled",
        CallState::Waiting => "awaiting_approval",
        CallState::Started => "executing",
        CallState::Finished(finished) => match finished.status {
            ToolStatus::Success => "success",
            ToolStatus::Error => "error",
            ToolStatus::Cancelled => "cancelled",
        },
    }
}

fn object(value: Option<&Value>) -> Option<Map<String, Value>> {
    value.and_then(Value::as_object).cloned()
}

impl TaskResponse {
    /// The task without what its run made: the form of lists.
    pub fn bare(task: &Task) -> Self {
        Self {
            id: task.id.to_string(),
            api_key_id: task.api_key_id.map(|id| id.to_string()),
            username: task.username.clone(),
            session_id: task.session_id.map(|id| id.to_string()),
            conversation_id: task.conversation_id.as_ref().map(ToString::to_string),
            status: task.status.as_str().to_owned(),
            message: task.message.clone(),
            system_prompt: task.system_prompt.clone(),
            show_in_history: task.show_in_history,
            auto_execute: task.auto_execute,
            env: object(task.env.as_ref()),
            error: task.error.clone(),
            created_at: task.created_at.to_string(),
            started_at: task.started_at.map(|at| at.to_string()),
            completed_at: task.completed_at.map(|at| at.to_string()),
            metadata: object(task.metadata.as_ref()),
            output: None,
            pending_approvals: Vec::new(),
        }
    }

    /// The task with what its current run made so far; `open` is the preview of a model turn that
    /// is not yet a row.
    pub fn new(task: &Task, run: &RunFold, open: Option<&OpenTurn>) -> Self {
        let pending = run.pending().map(|call| PendingApprovalResponse {
            call_id: call.call_id.to_string(),
            tool_name: call.name.clone(),
            args: call.proposed_args.clone(),
        });
        Self {
            // A follow-up's run counts as started when it is accepted.
            output: task
                .started_at
                .map(|_| OutputResponse::new(task, run, open)),
            pending_approvals: pending.collect(),
            ..Self::bare(task)
        }
    }
}

impl OutputResponse {
    fn new(task: &Task, run: &RunFold, open: Option<&OpenTurn>) -> Self {
        let closed = i64::try_from(run.turns().len()).unwrap_or(i64::MAX);
        let open = open.filter(|open| open.run == run.run() && open.turn > closed);
        let mut content = run.text().to_owned();
        content.push_str(open.map_or("", |open| &open.text));
        let open_thoughts = open.map_or(&[][..], |open| &open.thoughts);
        Self {
            content,
            updated_at: run
                .updated_at()
                .unwrap_or(task.last_activity_at)
                .to_string(),
            thoughts: run
                .thoughts()
                .chain(open_thoughts)
                .map(ThoughtResponse::from)
                .collect(),
            tool_calls: run.calls().iter().map(ToolCallResponse::from).collect(),
        }
    }
}

impl From<&Task> for TaskListItem {
    fn from(task: &Task) -> Self {
        Self {
            task: TaskResponse::bare(task),
            last_activity_at: task.last_activity_at.to_string(),
            message_count: if task.conversation_id.is_some() {
                task.message_count
            } else {
                0
            },
        }
    }
}
