//! What a task's rows beside its journal say: computed from the fold, written in the same
//! transaction as the events. Pure.

use model::{
    ApprovalOutcome, AttachedFile, CallFold, CallId, CallState, JournalEvent, JournalRow,
    MessageId, RunFold, RunOutcome, Seq, SessionId, Task, TaskStatus, Timestamp, ToolDecided,
    ToolFinished, ToolStatus,
};
use serde_json::Value;
use store::{RunChange, TaskPatch};

/// What a person decides about a call.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub(crate) outcome: ApprovalOutcome,
    pub(crate) reason: Option<String>,
    pub(crate) args: Option<Value>,
}

/// A call that cannot be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotDecidable {
    Unknown,
    Decided,
}

/// The rows that `events` become after `last`.
pub(crate) fn rows_of(
    fold: &RunFold,
    last: Seq,
    at: Timestamp,
    events: &[JournalEvent],
) -> Vec<JournalRow> {
    let mut seq = last;
    let row = |event: &JournalEvent| {
        seq = seq.next();
        JournalRow {
            seq,
            run: fold.run(),
            at,
            event: event.clone(),
        }
    };
    events.iter().map(row).collect()
}

/// What changes of a task when its current run has become `fold` by a worker's append at `at`.
pub(crate) fn patch_of(task_message_count: i64, fold: &RunFold, at: Timestamp) -> TaskPatch {
    let Some(outcome) = fold.outcome() else {
        let status = open_status(fold);
        return TaskPatch {
            status: Some(status),
            ..TaskPatch::default()
        };
    };
    let (status, error) = match outcome {
        RunOutcome::Completed => (TaskStatus::Completed, None),
        RunOutcome::Failed { message, .. } => (TaskStatus::Failed, Some(message.clone())),
        RunOutcome::Cancelled => (TaskStatus::Cancelled, None),
    };
    // One assistant message a run; none for a failed or cancelled run that said nothing.
    let saved = i64::from(!fold.text().is_empty() || *outcome == RunOutcome::Completed);
    TaskPatch {
        status: Some(status),
        error: Some(error),
        completed_at: Some(Some(at)),
        message_count: Some(task_message_count + saved),
        ..TaskPatch::default()
    }
}

/// The status of a task whose run goes on.
fn open_status(fold: &RunFold) -> TaskStatus {
    if fold.pending().next().is_some() {
        TaskStatus::AwaitingApproval
    } else {
        TaskStatus::Running
    }
}

/// What an append does to the run when its fold has become `fold`.
pub(crate) fn change_of(fold: &RunFold) -> RunChange {
    if fold.outcome().is_some() {
        RunChange::End
    } else {
        RunChange::Keep
    }
}

/// The facts of a decision about a waiting call.
pub(crate) fn decide_call(
    fold: &RunFold,
    call_id: &CallId,
    decision: &Decision,
    session_id: Option<SessionId>,
) -> Result<Vec<JournalEvent>, NotDecidable> {
    let call: &CallFold = fold.call(call_id).ok_or(NotDecidable::Unknown)?;
    if call.state != CallState::Waiting || fold.outcome().is_some() {
        return Err(NotDecidable::Decided);
    }
    let mut events = vec![JournalEvent::ToolDecided(ToolDecided {
        call_id: call_id.clone(),
        outcome: decision.outcome,
        reason: decision.reason.clone(),
        args: decision.args.clone(),
        session_id,
    })];
    if decision.outcome == ApprovalOutcome::Cancel {
        events.push(JournalEvent::ToolFinished(ToolFinished {
            call_id: call_id.clone(),
            status: ToolStatus::Cancelled,
            output: agent::rejection_output(decision.reason.as_deref()),
            error: None,
        }));
    }
    Ok(events)
}

/// What changes of a task when a follow-up is accepted: the clock of its run starts anew.
pub(crate) fn patch_of_follow_up(task: &Task, at: Timestamp) -> TaskPatch {
    TaskPatch {
        status: Some(TaskStatus::Running),
        error: Some(None),
        started_at: Some(at),
        completed_at: Some(None),
        message_count: Some(task.message_count + 1),
        ..TaskPatch::default()
    }
}

/// The first row of a run.
pub(crate) fn user_message(
    content: String,
    attached_files: Vec<AttachedFile>,
    secret_names: Vec<String>,
    message_id: MessageId,
) -> model::UserMessage {
    model::UserMessage {
        message_id,
        content,
        attached_files,
        secret_names,
    }
}
