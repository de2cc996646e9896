//! Which run a worker gets next: the project that was served longest ago comes first, and in it
//! the run that waits longest. So 500 waiting runs of one project delay another one's by one.

use model::{ProjectId, RunNumber, RunState, Task, TaskId, TaskStatus, Timestamp, WorkerId};

use super::rows::{delete_handover, lock, write};
use crate::tasks::{read_task, task_columns};
use crate::tx::Tx;
use crate::value::{Json, params};
use crate::{Error, Signal, Store, dialect};

/// A worker that has room for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimRequest {
    /// Who.
    pub worker: WorkerId,
    /// When.
    pub at: Timestamp,
    /// Until when the run is the worker's, unless renewed.
    pub lease_until: Timestamp,
}

/// A run in the hands of the worker that claimed it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedRun {
    /// Its task.
    pub task: Task,
    /// Which run of it.
    pub run: RunNumber,
    /// The number of this attempt, from 1: the worker's fence.
    pub attempt: i64,
    /// How long earlier attempts ran, milliseconds.
    pub running_ms: i64,
    /// Somebody wants it cancelled.
    pub cancel_requested: bool,
    /// The caller's sealed secrets; the store has forgotten them.
    pub handover: Option<Vec<u8>>,
    /// No worker held it before.
    pub first: bool,
}

impl Store {
    /// Gives a worker the run whose turn it is, if any may be taken by it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn claim_run(&self, request: ClaimRequest) -> Result<Option<ClaimedRun>, Error> {
        self.write("claim_run", request, |tx, request| {
            Box::pin(claim(tx, *request))
        })
        .await
    }
}

async fn claim(tx: &mut Tx, request: ClaimRequest) -> Result<Option<ClaimedRun>, Error> {
    for project_id in waiting_projects(tx).await? {
        while let Some((task_id, run)) = candidate(tx, project_id, request).await? {
            let task = match task_of(tx, task_id).await {
                Ok(task) => task,
                Err(error @ Error::Corrupt { .. }) => {
                    give_up(tx, task_id, run, request.at, &error).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let mut head = lock(tx, task_id, run).await?;
            head.lease(request.worker, request.lease_until);
            write(tx, task_id, run, &head).await?;
            take_turn(tx, project_id).await?;
            return Ok(Some(ClaimedRun {
                task,
                run,
                attempt: head.attempt,
                running_ms: head.running_ms,
                cancel_requested: head.cancel_requested_at.is_some(),
                handover: delete_handover(tx, task_id, run).await?,
                first: head.attempt == 1,
            }));
        }
    }
    Ok(None)
}

/// Ends a run whose task this version cannot read: left in the queue, it would be the next one of
/// every claim, and nobody else's run would ever start.
async fn give_up(
    tx: &mut Tx,
    task_id: TaskId,
    run: RunNumber,
    at: Timestamp,
    error: &Error,
) -> Result<(), Error> {
    tracing::error!(
        error = error as &dyn std::error::Error,
        task = %task_id,
        "a task cannot be read; its run is given up"
    );
    let mut head = lock(tx, task_id, run).await?;
    head.leave(RunState::Ended);
    write(tx, task_id, run, &head).await?;
    delete_handover(tx, task_id, run).await?;
    tx.execute(
        "UPDATE tasks SET status = $2, error = $3, completed_at = $4, last_activity_at = $4
         WHERE id = $1",
        params![
            task_id,
            TaskStatus::Failed,
            Json("Interrupted: the stored task cannot be read"),
            at
        ],
    )
    .await?;
    tx.signal(Signal::TaskChanged(task_id));
    Ok(())
}

/// The projects with queued runs, the one served longest ago first. Jumps from project to project
/// in the index: the cost grows with the projects that wait, not with their runs.
pub(crate) const WAITING_PROJECTS: &str = "WITH RECURSIVE waiting (project_id) AS (
        SELECT MIN(runs.project_id) FROM runs WHERE runs.state = 'queued'
        UNION ALL
        SELECT (SELECT MIN(runs.project_id) FROM runs
                WHERE runs.state = 'queued' AND runs.project_id > waiting.project_id)
        FROM waiting WHERE waiting.project_id IS NOT NULL)
    SELECT waiting.project_id FROM waiting
    LEFT JOIN project_turns ON project_turns.project_id = waiting.project_id
    WHERE waiting.project_id IS NOT NULL
    ORDER BY COALESCE(project_turns.turn, 0), waiting.project_id";

async fn waiting_projects(tx: &mut Tx) -> Result<Vec<ProjectId>, Error> {
    let rows = tx.query(WAITING_PROJECTS, &[]).await?;
    rows.into_iter()
        .map(|mut row| row.next("runs.project_id"))
        .collect()
}

async fn candidate(
    tx: &mut Tx,
    project_id: ProjectId,
    request: ClaimRequest,
) -> Result<Option<(TaskId, RunNumber)>, Error> {
    let sql = tx.pick(&dialect::CLAIM_CANDIDATE);
    let row = tx
        .query_opt(sql, params![project_id, request.worker, request.at])
        .await?;
    let Some(mut row) = row else { return Ok(None) };
    Ok(Some((row.next("runs.task_id")?, row.next("runs.run")?)))
}

/// Puts a project behind the others.
pub(crate) async fn take_turn(tx: &mut Tx, project_id: ProjectId) -> Result<(), Error> {
    let sql = tx.pick(&dialect::TAKE_TURN);
    tx.execute(sql, params![project_id]).await.map(drop)
}

async fn task_of(tx: &mut Tx, id: TaskId) -> Result<Task, Error> {
    let row = tx
        .query_opt(
            concat!("SELECT ", task_columns!(), " FROM tasks WHERE id = $1"),
            params![id],
        )
        .await?;
    let mut row = row.ok_or_else(|| Error::corrupt("the task of a run"))?;
    read_task(&mut row)
}
