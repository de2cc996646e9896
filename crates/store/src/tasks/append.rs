//! Writing to a journal: events, the projections beside them and the run's place between the
//! workers, in one piece or not at all.

use model::{
    ApiKeyId, ConversationId, EndUserId, JournalEvent, OrganizationId, ProjectId, RunNumber,
    RunState, Seq, SessionId, TaskId, TaskStatus, Timestamp, WorkerId,
};

use super::{idempotency, journal};
use crate::runs::{self, RunHead};
use crate::tx::Tx;
use crate::usage::{self, Booked, Meter, Payer};
use crate::value::{Json, params};
use crate::{Error, IdempotencyEntry, Signal, Store, TaskPatch, dialect};

/// One step of a task.
#[derive(Debug, Clone)]
pub struct Append {
    /// The task.
    pub task_id: TaskId,
    /// The run the caller folded: the task's latest.
    pub run: RunNumber,
    /// The last row the caller folded.
    pub expected_seq: Seq,
    /// The attempt that writes; `None` for the server on behalf of a client.
    pub fence: Option<Fence>,
    /// When.
    pub at: Timestamp,
    /// What happened, in order; may be empty. Belongs to `run`, or to the next one with
    /// [`RunChange::NextRun`].
    pub events: Vec<JournalEvent>,
    /// What changes of the task.
    pub task: TaskPatch,
    /// What becomes of the run.
    pub run_change: RunChange,
    /// What the run's worker knows of its use; `None` where nothing of a run is used.
    pub meter: Option<Meter>,
    /// The run's running time so far, milliseconds.
    pub running_ms: Option<i64>,
    /// The answer to be kept for a repeated request.
    pub idempotency: Option<IdempotencyEntry>,
    /// The caller's secrets, sealed, for whoever claims the run (the next one with
    /// [`RunChange::NextRun`]).
    pub handover: Option<Vec<u8>>,
}

/// The attempt that must still hold the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// Who.
    pub worker: WorkerId,
    /// Which attempt.
    pub attempt: i64,
}

/// Who gets a queued run first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preferred {
    /// The worker that holds the task's session.
    pub worker: WorkerId,
    /// From when on anybody may take it. Nothing announces that moment.
    pub until: Timestamp,
}

/// What becomes of the run. All but `Keep` and `Wake` need a run that the fence's attempt holds
/// or, without a fence, that nobody holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunChange {
    /// It stays where it is.
    Keep,
    /// It waits for a person; one that somebody wants cancelled waits for a worker instead.
    Park,
    /// It waits for a worker.
    Queue {
        /// Who gets it first.
        preferred: Option<Preferred>,
    },
    /// A parked run waits for a worker; any other stays where it is, whoever holds it.
    Wake {
        /// Who gets it first.
        preferred: Option<Preferred>,
    },
    /// It is over.
    End,
    /// The latest run is over and another one begins, queued.
    NextRun {
        /// Who gets it first.
        preferred: Option<Preferred>,
    },
}

impl Store {
    /// Appends to a task's journal; answers the number of its last row.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the journal has grown or the run is not in a state for this
    /// change; [`Error::Fenced`] when the attempt no longer holds the run, or a change without a
    /// fence meets a run that a worker holds; [`Error::IdempotencyTaken`]; [`Error::NotFound`];
    /// [`Error::Unavailable`]. Nothing is written then.
    pub async fn append(&self, append: Append) -> Result<Seq, Error> {
        self.write("append", append, |tx, append| Box::pin(run(tx, append)))
            .await
    }
}

/// What every append reads and writes of a task.
pub(super) struct Head {
    run: RunNumber,
    run_first_seq: Seq,
    last_seq: Seq,
    pub(super) status: TaskStatus,
    pub(super) session_id: Option<SessionId>,
    pub(super) conversation_id: Option<ConversationId>,
    pub(super) error: Option<Json<String>>,
    created_at: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    pub(super) completed_at: Option<Timestamp>,
    pub(super) message_count: i64,
    organization_id: OrganizationId,
    project_id: ProjectId,
    api_key_id: Option<ApiKeyId>,
    end_user_id: Option<EndUserId>,
}

impl Head {
    fn payer(&self) -> Payer {
        Payer {
            organization_id: self.organization_id,
            project_id: self.project_id,
            api_key_id: self.api_key_id,
            end_user_id: self.end_user_id,
        }
    }
}

async fn run(tx: &mut Tx, append: &Append) -> Result<Seq, Error> {
    let mut head = lock_head(tx, append.task_id).await?;
    if head.last_seq != append.expected_seq || head.run != append.run {
        // The fence first: an attempt that lost its run must stop, not decide again.
        if append.fence.is_some() {
            lock_run(tx, append).await?;
        }
        return Err(Error::Conflict);
    }
    if let Some(entry) = &append.idempotency {
        idempotency::keep(tx, entry, append.at).await?;
    }
    change_run(tx, append, &mut head).await?;
    head.last_seq = journal::insert(
        tx,
        append.task_id,
        head.run,
        head.last_seq,
        append.at,
        &append.events,
    )
    .await?;
    append.task.apply(&mut head);
    write_head(tx, append.task_id, &head).await?;
    append.task.write_inputs(tx, append.task_id).await?;
    if let Some(meter) = &append.meter {
        let booked = Booked::of(&append.events, meter.sandbox_ms);
        usage::book(tx, head.payer(), &meter.model, append.at, booked).await?;
    }
    if let Some(sealed) = &append.handover {
        runs::put_handover(tx, append.task_id, head.run, sealed).await?;
    }
    tx.signal(Signal::TaskChanged(append.task_id));
    Ok(head.last_seq)
}

async fn lock_head(tx: &mut Tx, task_id: TaskId) -> Result<Head, Error> {
    let sql = tx.pick(&dialect::LOCK_TASK);
    let row = tx.query_opt(sql, params![task_id]).await?;
    let mut row = row.ok_or(Error::NotFound)?;
    Ok(Head {
        run: row.next("tasks.run")?,
        run_first_seq: row.next("tasks.run_first_seq")?,
        last_seq: row.next("tasks.last_seq")?,
        status: row.next("tasks.status")?,
        session_id: row.next("tasks.session_id")?,
        conversation_id: row.next("tasks.conversation_id")?,
        error: row.next("tasks.error")?,
        created_at: row.next("tasks.created_at")?,
        started_at: row.next("tasks.started_at")?,
        completed_at: row.next("tasks.completed_at")?,
        message_count: row.next("tasks.message_count")?,
        organization_id: row.next("tasks.organization_id")?,
        project_id: row.next("tasks.project_id")?,
        api_key_id: row.next("tasks.api_key_id")?,
        end_user_id: row.next("tasks.end_user_id")?,
    })
}

/// The run, if the caller's attempt (or, without a fence, anybody) may write.
async fn lock_run(tx: &mut Tx, append: &Append) -> Result<RunHead, Error> {
    let run = runs::lock(tx, append.task_id, append.run).await?;
    if let Some(fence) = append.fence
        && !run.is_held_by(fence)
    {
        return Err(Error::Fenced);
    }
    Ok(run)
}

async fn change_run(tx: &mut Tx, append: &Append, head: &mut Head) -> Result<(), Error> {
    let keeps = append.run_change == RunChange::Keep;
    if keeps && append.fence.is_none() && append.running_ms.is_none() {
        return Ok(());
    }
    let mut run = lock_run(tx, append).await?;
    if matches!(append.run_change, RunChange::Wake { .. }) && run.state != RunState::Parked {
        return Ok(());
    }
    let next = matches!(append.run_change, RunChange::NextRun { .. });
    let over = run.state == RunState::Ended;
    if !keeps && over != next {
        return Err(Error::Conflict);
    }
    if !keeps && append.fence.is_none() && run.state == RunState::Leased {
        return Err(Error::Fenced);
    }
    run.running_ms = append.running_ms.unwrap_or(run.running_ms);
    match append.run_change {
        RunChange::Keep if append.running_ms.is_none() => return Ok(()),
        RunChange::Keep => {}
        // Nobody may be left who ends a parked run: whoever claims it does.
        RunChange::Park if run.cancel_requested_at.is_some() => {
            run.queue(append.at, None);
            tx.signal(Signal::RunQueued);
        }
        RunChange::Park => run.leave(RunState::Parked),
        RunChange::Queue { preferred } | RunChange::Wake { preferred } => {
            run.queue(append.at, preferred);
            tx.signal(Signal::RunQueued);
        }
        RunChange::End => {
            run.leave(RunState::Ended);
            runs::delete_handover(tx, append.task_id, append.run).await?;
        }
        RunChange::NextRun { preferred } => return next_run(tx, append, head, preferred).await,
    }
    runs::write(tx, append.task_id, append.run, &run).await
}

async fn next_run(
    tx: &mut Tx,
    append: &Append,
    head: &mut Head,
    preferred: Option<Preferred>,
) -> Result<(), Error> {
    head.run = head.run.next();
    head.run_first_seq = head.last_seq.next();
    let run = runs::NewRun {
        task_id: append.task_id,
        run: head.run,
        organization_id: head.organization_id,
        project_id: head.project_id,
        state: RunState::Queued,
        claim: None,
        queued_at: append.at,
        first_seq: head.run_first_seq,
        preferred,
    };
    runs::insert(tx, &run).await?;
    tx.signal(Signal::RunQueued);
    Ok(())
}

async fn write_head(tx: &mut Tx, task_id: TaskId, head: &Head) -> Result<(), Error> {
    let last_activity_at = [Some(head.created_at), head.started_at, head.completed_at]
        .into_iter()
        .flatten()
        .max();
    tx.execute(
        "UPDATE tasks SET status = $2, session_id = $3, conversation_id = $4, error = $5,
            started_at = $6, completed_at = $7, last_activity_at = $8, message_count = $9,
            run = $10, run_first_seq = $11, last_seq = $12
         WHERE id = $1",
        params![
            task_id,
            head.status,
            head.session_id,
            head.conversation_id.as_ref(),
            head.error.as_ref().map(|Json(text)| Json(text)),
            head.started_at,
            head.completed_at,
            last_activity_at,
            head.message_count,
            head.run,
            head.run_first_seq,
            head.last_seq,
        ],
    )
    .await
    .map(drop)
}
