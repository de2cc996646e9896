//! Looking at runs and taking hold of them from outside.

use model::{RunNumber, RunState, Task, TaskId, TaskScope, Timestamp, WorkerId};

use super::rows::{RunHead, lock, write};
use crate::store::Read;
use crate::tasks::find_scoped;
use crate::tx::Tx;
use crate::value::params;
use crate::{Error, Signal, Store, dialect};

/// A run as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Where it stands.
    pub state: RunState,
    /// How many attempts there were.
    pub attempt: i64,
    /// Who holds it.
    pub worker: Option<WorkerId>,
    /// Until when.
    pub lease_until: Option<Timestamp>,
    /// When somebody first wanted it cancelled.
    pub cancel_requested_at: Option<Timestamp>,
    /// How long it has been running, milliseconds.
    pub running_ms: i64,
}

/// The latest run of a task that somebody wants cancelled.
#[derive(Debug, Clone, PartialEq)]
pub struct CancelTarget {
    /// The task.
    pub task: Task,
    /// Its latest run. One that had ended is left alone.
    pub run: RunRow,
}

/// Takes a run away from whoever holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FenceOff {
    /// The task.
    pub task_id: TaskId,
    /// Which run of it.
    pub run: RunNumber,
    /// Who takes it.
    pub worker: WorkerId,
    /// Until when it is the taker's: a taker that dies leaves it to be taken up again.
    pub lease_until: Timestamp,
}

/// How many runs are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Waiting for a worker.
    pub queued: i64,
    /// In a worker's hands.
    pub leased: i64,
    /// Waiting for a person.
    pub parked: i64,
    /// Since when the longest waiting one has been waiting for a worker.
    pub oldest_queued_at: Option<Timestamp>,
}

impl Store {
    /// Marks a task's latest run as one that somebody wants cancelled, unless it has ended, and
    /// tells who holds it. A run may be parked, claimed or ended right after the answer: look
    /// again on [`Signal::TaskChanged`].
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn request_cancel(
        &self,
        scope: &TaskScope,
        id: TaskId,
        at: Timestamp,
    ) -> Result<CancelTarget, Error> {
        self.write(
            "request_cancel",
            (scope.clone(), id, at),
            |tx, (scope, id, at)| Box::pin(request_cancel(tx, scope, *id, *at)),
        )
        .await
    }

    /// Takes a run for a new attempt, whoever held it: the old attempt writes nothing more.
    /// Answers the new attempt's number, the fence of what the taker appends.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the run has ended; [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn fence_off(&self, request: FenceOff) -> Result<i64, Error> {
        self.write("fence_off", request, |tx, request| {
            Box::pin(fence_off(tx, *request))
        })
        .await
    }

    /// A run, for somebody who has its task's id from the store.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn unscoped_find_run(
        &self,
        task_id: TaskId,
        run: RunNumber,
    ) -> Result<Option<RunRow>, Error> {
        self.read(
            "unscoped_find_run",
            Read::Point,
            (task_id, run),
            |tx, (task_id, run)| Box::pin(find(tx, *task_id, *run)),
        )
        .await
    }

    /// How many runs of all tenants are where; ended ones are not counted.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn count_runs_by_state(&self) -> Result<RunCounts, Error> {
        self.read("count_runs_by_state", Read::Bulk, (), |tx, ()| {
            Box::pin(count(tx))
        })
        .await
    }
}

async fn request_cancel(
    tx: &mut Tx,
    scope: &TaskScope,
    id: TaskId,
    at: Timestamp,
) -> Result<CancelTarget, Error> {
    // Nobody's task is locked who may not know of it.
    find_scoped(tx, scope, id).await?.ok_or(Error::NotFound)?;
    // The task first, as every append does: its status and its run's state are of one moment then.
    let lock_task = tx.pick(&dialect::LOCK_TASK);
    tx.query_opt(lock_task, params![id]).await?;
    let task = find_scoped(tx, scope, id).await?.ok_or(Error::NotFound)?;
    let mut head = lock(tx, id, task.run).await?;
    if head.state != RunState::Ended {
        if head.cancel_requested_at.is_none() {
            head.cancel_requested_at = Some(at);
            write(tx, id, task.run, &head).await?;
        }
        tx.signal(Signal::CancelRequested(id));
    }
    Ok(CancelTarget {
        task,
        run: run_row(&head),
    })
}

async fn fence_off(tx: &mut Tx, request: FenceOff) -> Result<i64, Error> {
    let mut head = lock(tx, request.task_id, request.run).await?;
    if head.state == RunState::Ended {
        return Err(Error::Conflict);
    }
    head.lease(request.worker, request.lease_until);
    write(tx, request.task_id, request.run, &head).await?;
    tx.signal(Signal::TaskChanged(request.task_id));
    Ok(head.attempt)
}

fn run_row(head: &RunHead) -> RunRow {
    RunRow {
        state: head.state,
        attempt: head.attempt,
        worker: head.worker,
        lease_until: head.lease_until,
        cancel_requested_at: head.cancel_requested_at,
        running_ms: head.running_ms,
    }
}

async fn find(tx: &mut Tx, task_id: TaskId, run: RunNumber) -> Result<Option<RunRow>, Error> {
    let row = tx
        .query_opt(
            "SELECT state, attempt, worker_id, lease_until, cancel_requested_at, running_ms
             FROM runs WHERE task_id = $1 AND run = $2",
            params![task_id, run],
        )
        .await?;
    let Some(mut row) = row else { return Ok(None) };
    Ok(Some(RunRow {
        state: row.next("runs.state")?,
        attempt: row.next("runs.attempt")?,
        worker: row.next("runs.worker_id")?,
        lease_until: row.next("runs.lease_until")?,
        cancel_requested_at: row.next("runs.cancel_requested_at")?,
        running_ms: row.next("runs.running_ms")?,
    }))
}

async fn count(tx: &mut Tx) -> Result<RunCounts, Error> {
    let rows = tx
        .query(
            "SELECT state, COUNT(*), MIN(queued_at) FROM runs
             WHERE state <> 'ended' GROUP BY state",
            &[],
        )
        .await?;
    let mut counts = RunCounts::default();
    for mut row in rows {
        let state: RunState = row.next("runs.state")?;
        let number: i64 = row.next("count of runs")?;
        let oldest: Timestamp = row.next("oldest of runs")?;
        match state {
            RunState::Queued => {
                counts.queued = number;
                counts.oldest_queued_at = Some(oldest);
            }
            RunState::Leased => counts.leased = number,
            RunState::Parked => counts.parked = number,
            RunState::Ended => {}
        }
    }
    Ok(counts)
}
