//! Keeping leases, and taking them from workers that do not.

use model::{RunNumber, TaskId, Timestamp, WorkerId};

use crate::tx::Tx;
use crate::value::{Row, params};
use crate::{Error, Signal, Store};

/// A lease that its worker wants to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseRenewal {
    /// The task.
    pub task_id: TaskId,
    /// Which run of it.
    pub run: RunNumber,
    /// The worker's attempt.
    pub attempt: i64,
    /// How long the run has been running, all attempts together, milliseconds.
    pub running_ms: i64,
}

/// What became of a worker's leases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Renewed {
    /// No longer the worker's: it must stop and write nothing more.
    pub lost: Vec<(TaskId, RunNumber)>,
    /// Kept, but somebody wants them cancelled.
    pub cancel_requested: Vec<(TaskId, RunNumber)>,
}

impl Store {
    /// Keeps a worker's leases until `until`, those that are still its own.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: nothing is known about the leases.
    pub async fn renew_leases(
        &self,
        worker: WorkerId,
        until: Timestamp,
        mut leases: Vec<LeaseRenewal>,
    ) -> Result<Renewed, Error> {
        // One order for everybody: no two commands wait for each other's rows.
        leases.sort_by_key(|lease| (lease.task_id, lease.run.0));
        self.write(
            "renew_leases",
            (worker, until, leases),
            |tx, (worker, until, leases)| Box::pin(renew(tx, *worker, *until, leases)),
        )
        .await
    }

    /// Puts the runs whose lease ran out back into the queue; says which.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn expire_leases(&self, at: Timestamp) -> Result<Vec<(TaskId, RunNumber)>, Error> {
        self.write("expire_leases", at, |tx, at| {
            Box::pin(expire(tx, EXPIRE, *at))
        })
        .await
    }

    /// Puts all leased runs back into the queue, whoever holds them; says which. Only for the one
    /// process that holds a SQLite directory, before it claims anything.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn expire_all_leases(
        &self,
        at: Timestamp,
    ) -> Result<Vec<(TaskId, RunNumber)>, Error> {
        self.write("expire_all_leases", at, |tx, at| {
            Box::pin(expire(tx, EXPIRE_ALL, *at))
        })
        .await
    }
}

async fn renew(
    tx: &mut Tx,
    worker: WorkerId,
    until: Timestamp,
    leases: &[LeaseRenewal],
) -> Result<Renewed, Error> {
    let mut renewed = Renewed::default();
    for lease in leases {
        let row = tx
            .query_opt(
                "UPDATE runs SET lease_until = $5, running_ms = $6
                 WHERE task_id = $1 AND run = $2 AND attempt = $3 AND worker_id = $4
                   AND state = 'leased'
                 RETURNING cancel_requested_at",
                params![
                    lease.task_id,
                    lease.run,
                    lease.attempt,
                    worker,
                    until,
                    lease.running_ms
                ],
            )
            .await?;
        let key = (lease.task_id, lease.run);
        match row {
            None => renewed.lost.push(key),
            Some(mut row) => {
                let cancel: Option<Timestamp> = row.next("runs.cancel_requested_at")?;
                if cancel.is_some() {
                    renewed.cancel_requested.push(key);
                }
            }
        }
    }
    Ok(renewed)
}

const EXPIRE: &str = "UPDATE runs
    SET state = 'queued', worker_id = NULL, lease_until = NULL, queued_at = $1
    WHERE state = 'leased' AND lease_until <= $1
    RETURNING task_id, run";

const EXPIRE_ALL: &str = "UPDATE runs
    SET state = 'queued', worker_id = NULL, lease_until = NULL, queued_at = $1
    WHERE state = 'leased'
    RETURNING task_id, run";

async fn expire(
    tx: &mut Tx,
    sql: &'static str,
    at: Timestamp,
) -> Result<Vec<(TaskId, RunNumber)>, Error> {
    let rows = tx.query(sql, params![at]).await?;
    let read = |mut row: Row| Ok((row.next("runs.task_id")?, row.next("runs.run")?));
    let expired: Vec<(TaskId, RunNumber)> = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    for (task_id, _) in &expired {
        tx.signal(Signal::TaskChanged(*task_id));
        tx.signal(Signal::RunQueued);
    }
    Ok(expired)
}
