//! Deciding about a waiting tool call.

use model::{ApprovalOutcome, CallId, JournalRow, Permit, TaskId};
use serde_json::Value;
use store::{Append, RunChange};

use crate::idempotency::{Admission, Claim};
use crate::lifecycle::{Decision, NotDecidable, decide_call, patch_of, rows_of};
use crate::{Error, Idempotency, Tasks};

/// What a person decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    /// What.
    pub outcome: ApprovalOutcome,
    /// Told to the model on `cancel`.
    pub reason: Option<String>,
    /// Run with these arguments instead.
    pub args: Option<Value>,
}

impl Tasks {
    /// Decides about a call; durable when this returns. Says whether the call was approved.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::NotPending`] when it was decided before;
    /// [`Error::IdempotencyConflict`]; [`Error::Store`].
    pub async fn approve(
        &self,
        permit: &Permit,
        id: TaskId,
        call_id: &CallId,
        approval: Approval,
        idempotency: Option<Idempotency>,
    ) -> Result<bool, Error> {
        let inner = &self.inner;
        let approved = approval.outcome != ApprovalOutcome::Cancel;
        let claim = match inner
            .in_flight
            .admit(&inner.store, idempotency, inner.now())
            .await?
        {
            Admission::Kept(answer) => return Ok(answer == "true"),
            Admission::Fresh(claim) => claim,
        };
        let task = inner.store.find_task(permit.scope(), id).await?;
        let task = task.ok_or(Error::NotFound("Task"))?;
        let given = inner.end_user_variables(task.end_user_id).await?;
        let given = given.as_ref().map(|opened| &opened.variables.secrets);
        let mask = inner.sessions.mask(id, given);
        let decision = Decision {
            outcome: approval.outcome,
            reason: approval.reason.map(|reason| mask.mask(&reason)),
            args: approval.args.map(|args| agent::mask_value(&*mask, &args)),
        };
        loop {
            match self
                .try_approve(permit, id, call_id, &decision, claim.as_ref())
                .await
            {
                Err(Error::Store(store::Error::Conflict)) => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(approved),
            }
        }
    }

    /// Whether the caller may know of such a call.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Store`].
    pub async fn check_call(
        &self,
        permit: &Permit,
        id: TaskId,
        call_id: &CallId,
    ) -> Result<(), Error> {
        let (_, fold, _) = self.get(permit, id).await?;
        if fold.call(call_id).is_some() || self.was_called(permit, id, call_id).await? {
            Ok(())
        } else {
            Err(Error::NotFound("Tool call"))
        }
    }

    /// Whether an earlier run of the task has such a call: a question about the whole journal.
    async fn was_called(
        &self,
        permit: &Permit,
        id: TaskId,
        call_id: &CallId,
    ) -> Result<bool, Error> {
        let (_, rows) = self.history(permit, id).await?;
        Ok(known(&rows, call_id))
    }

    async fn try_approve(
        &self,
        permit: &Permit,
        id: TaskId,
        call_id: &CallId,
        decision: &Decision,
        claim: Option<&Claim>,
    ) -> Result<(), Error> {
        let inner = &self.inner;
        let (task, mut fold, _) = self.get(permit, id).await?;
        let events = match decide_call(&fold, call_id, decision, task.session_id) {
            Ok(events) => events,
            Err(NotDecidable::Decided) => return Err(Error::NotPending),
            Err(NotDecidable::Unknown) if self.was_called(permit, id, call_id).await? => {
                return Err(Error::NotPending);
            }
            Err(NotDecidable::Unknown) => return Err(Error::NotFound("Tool call")),
        };
        let now = inner.now();
        let last = task.last_seq;
        for row in rows_of(&fold, last, now, &events) {
            fold.apply(&row);
        }
        let approved = decision.outcome != ApprovalOutcome::Cancel;
        let append = Append {
            task_id: id,
            run: task.run,
            expected_seq: last,
            fence: None,
            at: now,
            events,
            task: patch_of(task.message_count, &fold, now),
            run_change: RunChange::Wake {
                preferred: inner.preferred(id, None, now),
            },
            running_ms: None,
            meter: None,
            idempotency: claim.map(|claim| claim.entry(&approved.to_string(), now)),
            handover: None,
        };
        match inner.store.append(append).await {
            Ok(_) => {}
            Err(store::Error::IdempotencyTaken) => return Err(Error::IdempotencyConflict),
            Err(error) => return Err(error.into()),
        }
        inner.poke(id);
        inner.wake.notify_one();
        Ok(())
    }
}

/// Whether the task's journal has such a call.
fn known(rows: &[JournalRow], call_id: &CallId) -> bool {
    rows.iter().any(|row| match &row.event {
        model::JournalEvent::ModelTurn(turn) => {
            turn.tool_calls.iter().any(|call| call.call_id == *call_id)
        }
        model::JournalEvent::UserMessage(_)
        | model::JournalEvent::RunStarted(_)
        | model::JournalEvent::RunResumed { .. }
        | model::JournalEvent::Notice { .. }
        | model::JournalEvent::ToolWaiting { .. }
        | model::JournalEvent::ToolDecided(_)
        | model::JournalEvent::ToolStarted { .. }
        | model::JournalEvent::ToolFinished(_)
        | model::JournalEvent::Egress(_)
        | model::JournalEvent::RunFinished(_)
        | model::JournalEvent::Compacted(_) => false,
    })
}
