//! How a run lies in its row.

use model::{OrganizationId, ProjectId, RunNumber, RunState, Seq, TaskId, Timestamp, WorkerId};

use crate::tx::Tx;
use crate::value::params;
use crate::{ClaimNow, Error, Fence, Preferred, dialect};

/// A run that begins.
#[derive(Debug)]
pub(crate) struct NewRun {
    pub(crate) task_id: TaskId,
    pub(crate) run: RunNumber,
    pub(crate) organization_id: OrganizationId,
    pub(crate) project_id: ProjectId,
    pub(crate) state: RunState,
    pub(crate) claim: Option<ClaimNow>,
    pub(crate) queued_at: Timestamp,
    pub(crate) first_seq: Seq,
    pub(crate) preferred: Option<Preferred>,
}

pub(crate) async fn insert(tx: &mut Tx, run: &NewRun) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO runs (task_id, run, organization_id, project_id, state, attempt, worker_id,
            lease_until, queued_at, first_seq, running_ms, preferred_worker, preferred_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $12)",
        params![
            run.task_id,
            run.run,
            run.organization_id,
            run.project_id,
            run.state,
            i64::from(run.claim.is_some()),
            run.claim.map(|claim| claim.worker),
            run.claim.map(|claim| claim.lease_until),
            run.queued_at,
            run.first_seq,
            run.preferred.map(|preferred| preferred.worker),
            run.preferred.map(|preferred| preferred.until),
        ],
    )
    .await
    .map(drop)
}

/// What changes of a run.
#[derive(Debug)]
pub(crate) struct RunHead {
    pub(crate) state: RunState,
    pub(crate) attempt: i64,
    pub(crate) worker: Option<WorkerId>,
    pub(crate) lease_until: Option<Timestamp>,
    pub(crate) queued_at: Timestamp,
    pub(crate) cancel_requested_at: Option<Timestamp>,
    pub(crate) running_ms: i64,
    pub(crate) preferred_worker: Option<WorkerId>,
    pub(crate) preferred_until: Option<Timestamp>,
}

impl RunHead {
    pub(crate) fn is_held_by(&self, fence: Fence) -> bool {
        self.state == RunState::Leased
            && self.worker == Some(fence.worker)
            && self.attempt == fence.attempt
    }

    /// Leaves its worker for `state`.
    pub(crate) fn leave(&mut self, state: RunState) {
        self.state = state;
        self.worker = None;
        self.lease_until = None;
        self.preferred_worker = None;
        self.preferred_until = None;
    }

    /// Leaves its worker for the queue.
    pub(crate) fn queue(&mut self, at: Timestamp, preferred: Option<Preferred>) {
        self.leave(RunState::Queued);
        self.queued_at = at;
        self.preferred_worker = preferred.map(|preferred| preferred.worker);
        self.preferred_until = preferred.map(|preferred| preferred.until);
    }

    /// A worker takes it, as the next attempt.
    pub(crate) fn lease(&mut self, worker: WorkerId, until: Timestamp) {
        self.leave(RunState::Leased);
        self.worker = Some(worker);
        self.lease_until = Some(until);
        self.attempt += 1;
    }
}

/// Reads a run and keeps others from changing it until the command ends.
pub(crate) async fn lock(tx: &mut Tx, task_id: TaskId, run: RunNumber) -> Result<RunHead, Error> {
    let sql = tx.pick(&dialect::LOCK_RUN);
    let row = tx.query_opt(sql, params![task_id, run]).await?;
    let mut row = row.ok_or(Error::NotFound)?;
    Ok(RunHead {
        state: row.next("runs.state")?,
        attempt: row.next("runs.attempt")?,
        worker: row.next("runs.worker_id")?,
        lease_until: row.next("runs.lease_until")?,
        queued_at: row.next("runs.queued_at")?,
        cancel_requested_at: row.next("runs.cancel_requested_at")?,
        running_ms: row.next("runs.running_ms")?,
        preferred_worker: row.next("runs.preferred_worker")?,
        preferred_until: row.next("runs.preferred_until")?,
    })
}

pub(crate) async fn write(
    tx: &mut Tx,
    task_id: TaskId,
    run: RunNumber,
    head: &RunHead,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE runs SET state = $3, attempt = $4, worker_id = $5, lease_until = $6,
            queued_at = $7, cancel_requested_at = $8, running_ms = $9, preferred_worker = $10,
            preferred_until = $11
         WHERE task_id = $1 AND run = $2",
        params![
            task_id,
            run,
            head.state,
            head.attempt,
            head.worker,
            head.lease_until,
            head.queued_at,
            head.cancel_requested_at,
            head.running_ms,
            head.preferred_worker,
            head.preferred_until,
        ],
    )
    .await
    .map(drop)
}

/// Leaves sealed secrets for whoever claims the run.
pub(crate) async fn put_handover(
    tx: &mut Tx,
    task_id: TaskId,
    run: RunNumber,
    sealed: &[u8],
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO handovers (task_id, run, sealed) VALUES ($1, $2, $3)
         ON CONFLICT (task_id, run) DO UPDATE SET sealed = excluded.sealed",
        params![task_id, run, sealed],
    )
    .await
    .map(drop)
}

pub(crate) async fn delete_handover(
    tx: &mut Tx,
    task_id: TaskId,
    run: RunNumber,
) -> Result<Option<Vec<u8>>, Error> {
    let row = tx
        .query_opt(
            "DELETE FROM handovers WHERE task_id = $1 AND run = $2 RETURNING sealed",
            params![task_id, run],
        )
        .await?;
    row.map(|mut row| row.next("handovers.sealed")).transpose()
}
