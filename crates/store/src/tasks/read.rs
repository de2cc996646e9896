//! Reading one task and its journal.

use model::{JournalRow, OrganizationId, ProjectId, Seq, Task, TaskId, TaskScope};

use super::journal;
use super::rows::{find_scoped, read_task, task_columns};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::params;
use crate::{Error, Store};

/// Rows of a run that are read on the caller's own thread on SQLite; longer runs are read off it.
const INLINE_ROWS: i64 = 64;

impl Store {
    /// A task.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_task(&self, scope: &TaskScope, id: TaskId) -> Result<Option<Task>, Error> {
        let input = (scope.clone(), id);
        self.read("find_task", Read::Point, input, |tx, (scope, id)| {
            Box::pin(find_scoped(tx, scope, *id))
        })
        .await
    }

    /// The project of a task of an organization.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_project_of_task(
        &self,
        organization: OrganizationId,
        id: TaskId,
    ) -> Result<Option<ProjectId>, Error> {
        let input = (organization, id);
        self.read(
            "find_project_of_task",
            Read::Point,
            input,
            |tx, (organization, id)| Box::pin(find_project(tx, *organization, *id)),
        )
        .await
    }

    /// A task for a worker or another caller that has its id from the store.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn unscoped_find_task(&self, id: TaskId) -> Result<Option<Task>, Error> {
        self.read("unscoped_find_task", Read::Point, id, |tx, id| {
            Box::pin(unscoped_find(tx, *id))
        })
        .await
    }

    /// A task with the rows of its latest run, in one snapshot.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_task_with_run(
        &self,
        scope: &TaskScope,
        id: TaskId,
    ) -> Result<Option<(Task, Vec<JournalRow>)>, Error> {
        let input = (scope.clone(), id, Start::CurrentRun, Some(INLINE_ROWS));
        let found = self
            .read("find_task_with_run", Read::Point, input, find_with_rows)
            .await?;
        match found {
            None => Ok(None),
            Some((task, Some(rows))) => Ok(Some((task, rows))),
            Some((_, None)) => self.find_from(scope, id, Start::CurrentRun).await,
        }
    }

    /// A task with the rows after `after`, in one snapshot.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_snapshot(
        &self,
        scope: &TaskScope,
        id: TaskId,
        after: Seq,
    ) -> Result<Option<(Task, Vec<JournalRow>)>, Error> {
        self.find_from(scope, id, Start::After(after)).await
    }

    /// A task's rows after `after`; `None` when there is no such task.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_rows(
        &self,
        scope: &TaskScope,
        id: TaskId,
        after: Seq,
    ) -> Result<Option<Vec<JournalRow>>, Error> {
        let found = self.find_snapshot(scope, id, after).await?;
        Ok(found.map(|(_, rows)| rows))
    }

    /// A task's rows after `after`, for the worker that holds its run.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn unscoped_list_rows(
        &self,
        id: TaskId,
        after: Seq,
    ) -> Result<Vec<JournalRow>, Error> {
        self.read(
            "unscoped_list_rows",
            Read::Bulk,
            (id, after),
            |tx, (id, after)| Box::pin(journal::list(tx, *id, *after)),
        )
        .await
    }

    async fn find_from(
        &self,
        scope: &TaskScope,
        id: TaskId,
        from: Start,
    ) -> Result<Option<(Task, Vec<JournalRow>)>, Error> {
        let input = (scope.clone(), id, from, None);
        let found = self
            .read("find_snapshot", Read::Bulk, input, find_with_rows)
            .await?;
        Ok(found.map(|(task, rows)| (task, rows.unwrap_or_default())))
    }
}

/// The first row wanted.
#[derive(Debug, Clone, Copy)]
enum Start {
    CurrentRun,
    After(Seq),
}

type WithRows = Option<(Task, Option<Vec<JournalRow>>)>;

/// The task, and its rows unless there may be more of them than the limit.
fn find_with_rows<'t>(
    tx: &'t mut Tx,
    (scope, id, from, limit): &'t (TaskScope, TaskId, Start, Option<i64>),
) -> futures_util::future::BoxFuture<'t, Result<WithRows, Error>> {
    Box::pin(async move {
        tx.snapshot().await?;
        let Some(task) = find_scoped(tx, scope, *id).await? else {
            return Ok(None);
        };
        let after = match from {
            Start::CurrentRun => Seq(task.run_first_seq.0 - 1),
            Start::After(seq) => *seq,
        };
        if limit.is_some_and(|limit| task.last_seq.0 - after.0 > limit) {
            return Ok(Some((task, None)));
        }
        let rows = journal::list(tx, *id, after).await?;
        Ok(Some((task, Some(rows))))
    })
}

async fn find_project(
    tx: &mut Tx,
    organization: OrganizationId,
    id: TaskId,
) -> Result<Option<ProjectId>, Error> {
    let sql = "SELECT project_id FROM tasks WHERE organization_id = $1 AND id = $2";
    let row = tx.query_opt(sql, params![organization, id]).await?;
    row.map(|mut row| row.next("tasks.project_id")).transpose()
}

async fn unscoped_find(tx: &mut Tx, id: TaskId) -> Result<Option<Task>, Error> {
    let row = tx
        .query_opt(
            concat!("SELECT ", task_columns!(), " FROM tasks WHERE id = $1"),
            params![id],
        )
        .await?;
    row.map(|mut row| read_task(&mut row)).transpose()
}
