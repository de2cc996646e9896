//! Deleting a project. First it is closed, in one step: from then on none of its credentials works,
//! and nobody finds it. Its tasks and all else of it then go piece by piece; what is left after a
//! crash goes at the next start.

use model::{OrganizationId, ProjectId, TaskId};

use super::facts::of_project;
use super::tenants::find_project;
use crate::audit::{AuditAction, ChangedBy, Done, record};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::params;
use crate::{Error, Signal, Store, TenantStatus, dialect};

/// What worked until a project was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedProject {
    /// Its keys.
    pub keys: usize,
    /// Tokens of its widget apps.
    pub sessions: usize,
}

impl Store {
    /// Closes a project for ever. Its name is free again.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for the default project; [`Error::Unavailable`].
    pub async fn close_project(
        &self,
        organization_id: OrganizationId,
        id: ProjectId,
        by: ChangedBy,
    ) -> Result<ClosedProject, Error> {
        self.write(
            "close_project",
            (organization_id, id, by),
            |tx, (organization, id, by)| Box::pin(close(tx, *organization, *id, by)),
        )
        .await
    }

    /// The projects that were closed and are not gone yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn unscoped_list_closed_projects(
        &self,
    ) -> Result<Vec<(OrganizationId, ProjectId)>, Error> {
        self.read("unscoped_list_closed_projects", Read::Bulk, (), |tx, ()| {
            Box::pin(list_closed(tx))
        })
        .await
    }

    /// Some tasks of a closed project that have no open run.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_tasks_to_delete(
        &self,
        project_id: ProjectId,
        limit: i64,
    ) -> Result<Vec<TaskId>, Error> {
        self.read(
            "list_tasks_to_delete",
            Read::Bulk,
            (project_id, limit),
            |tx, (project, limit)| Box::pin(list_tasks(tx, *project, *limit)),
        )
        .await
    }

    /// Deletes tasks of a closed project with everything that is kept of them. One that has an
    /// open run again stays.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_tasks(
        &self,
        project_id: ProjectId,
        tasks: Vec<TaskId>,
    ) -> Result<(), Error> {
        self.write(
            "delete_tasks",
            (project_id, tasks),
            |tx, (project, tasks)| Box::pin(delete_tasks(tx, *project, tasks)),
        )
        .await
    }

    /// Deletes a closed project with its keys and widget apps.
    ///
    /// # Errors
    /// [`Error::Conflict`]: it has tasks; [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn delete_closed_project(&self, id: ProjectId) -> Result<(), Error> {
        self.write("delete_closed_project", id, |tx, id| {
            Box::pin(delete_project(tx, *id))
        })
        .await
    }
}

async fn close(
    tx: &mut Tx,
    organization_id: OrganizationId,
    id: ProjectId,
    by: &ChangedBy,
) -> Result<ClosedProject, Error> {
    let lock = tx.pick(&dialect::LOCK_PROJECT);
    tx.query_opt(lock, params![id]).await?;
    let project = find_project(tx, organization_id, id).await?;
    let project = project.ok_or(Error::NotFound)?;
    if project.is_default {
        return Err(Error::Conflict);
    }
    let keys = count(
        tx,
        "SELECT COUNT(*) FROM api_keys WHERE project_id = $1 AND status = 'active'
             AND (expires_at IS NULL OR expires_at > $2)",
        id,
        by,
    )
    .await?;
    let sessions = count(
        tx,
        "SELECT COUNT(*) FROM widget_sessions s
             JOIN widget_apps a ON a.id = s.widget_app_id
             WHERE a.project_id = $1 AND s.revoked_at IS NULL AND s.expires_at > $2",
        id,
        by,
    )
    .await?;
    tx.execute(
        "UPDATE projects SET status = $2, name = $3 WHERE id = $1",
        params![id, TenantStatus::Deleted, format!("deleted {id}")],
    )
    .await?;
    let done = Done::removed(AuditAction::ProjectDelete, id, of_project(&project));
    record(tx, Some(organization_id), by, &done).await?;
    tx.signal(Signal::CredentialsChanged);
    Ok(ClosedProject { keys, sessions })
}

async fn count(
    tx: &mut Tx,
    sql: &'static str,
    id: ProjectId,
    by: &ChangedBy,
) -> Result<usize, Error> {
    let row = tx.query_opt(sql, params![id, by.at]).await?;
    let count: i64 = row.map_or(Ok(0), |mut row| row.next("count"))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

async fn list_closed(tx: &mut Tx) -> Result<Vec<(OrganizationId, ProjectId)>, Error> {
    let rows = tx
        .query(
            "SELECT organization_id, id FROM projects WHERE status = 'deleted' ORDER BY id",
            &[],
        )
        .await?;
    rows.into_iter()
        .map(|mut row| {
            Ok((
                row.next("projects.organization_id")?,
                row.next("projects.id")?,
            ))
        })
        .collect()
}

async fn list_tasks(tx: &mut Tx, project: ProjectId, limit: i64) -> Result<Vec<TaskId>, Error> {
    let rows = tx
        .query(
            "SELECT id FROM tasks t WHERE project_id = $1 AND NOT EXISTS (
                 SELECT 1 FROM runs r WHERE r.task_id = t.id AND r.state <> 'ended')
             LIMIT $2",
            params![project, limit],
        )
        .await?;
    rows.into_iter()
        .map(|mut row| row.next("tasks.id"))
        .collect()
}

async fn delete_tasks(tx: &mut Tx, project: ProjectId, tasks: &[TaskId]) -> Result<(), Error> {
    for id in tasks {
        let deletable = tx
            .query_opt(
                "SELECT id FROM tasks t WHERE id = $1 AND project_id = $2 AND NOT EXISTS (
                     SELECT 1 FROM runs r WHERE r.task_id = t.id AND r.state <> 'ended')",
                params![*id, project],
            )
            .await?;
        if deletable.is_none() {
            continue;
        }
        for sql in [
            "DELETE FROM events WHERE task_id = $1",
            "DELETE FROM previews WHERE task_id = $1",
            "DELETE FROM handovers WHERE task_id = $1",
            "DELETE FROM runs WHERE task_id = $1",
            "DELETE FROM tasks WHERE id = $1",
        ] {
            tx.execute(sql, params![*id]).await?;
        }
    }
    Ok(())
}

async fn delete_project(tx: &mut Tx, id: ProjectId) -> Result<(), Error> {
    let has_tasks = "SELECT id FROM tasks WHERE project_id = $1 LIMIT 1";
    if tx.query_opt(has_tasks, params![id]).await?.is_some() {
        return Err(Error::Conflict);
    }
    for sql in [
        "DELETE FROM widget_sessions WHERE widget_app_id IN
             (SELECT id FROM widget_apps WHERE project_id = $1)",
        "DELETE FROM end_users WHERE widget_app_id IN
             (SELECT id FROM widget_apps WHERE project_id = $1)",
        "DELETE FROM widget_app_secrets WHERE widget_app_id IN
             (SELECT id FROM widget_apps WHERE project_id = $1)",
        "DELETE FROM widget_apps WHERE project_id = $1",
        "DELETE FROM api_key_callers WHERE key_id IN
             (SELECT id FROM api_keys WHERE project_id = $1)",
        "DELETE FROM api_keys WHERE project_id = $1",
        "DELETE FROM project_turns WHERE project_id = $1",
    ] {
        tx.execute(sql, params![id]).await?;
    }
    let gone = "DELETE FROM projects WHERE id = $1 AND status = 'deleted'";
    match tx.execute(gone, params![id]).await? {
        0 => Err(Error::NotFound),
        _ => Ok(()),
    }
}
