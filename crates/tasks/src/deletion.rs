//! What is left of a project that was closed: its runs are cancelled, its tasks deleted with their
//! workspaces, then its keys and apps. Begun again at each start until nothing is left.

use std::sync::Arc;

use model::{OrganizationId, ProjectId, TaskId};
use sandbox::{FileError, Workspace};
use store::TaskOwner;

use crate::files::blocking;
use crate::service::Inner;
use crate::{Error, Tasks};

/// Tasks that are deleted at a time.
const BATCH: i64 = 50;

impl Tasks {
    /// Cancels what runs in a closed project; everything else of it goes afterwards, without the
    /// caller waiting for it. Says how many tasks were running.
    ///
    /// # Errors
    /// [`Error::Store`]: some may go on until the next start.
    pub async fn delete_project(
        &self,
        organization_id: OrganizationId,
        id: ProjectId,
    ) -> Result<usize, Error> {
        let tasks = self.clone();
        // Carried through when the caller goes away: nobody else begins it before the next start.
        let begin = async move {
            let running = tasks.open_of(organization_id, TaskOwner::Project(id)).await;
            let stopped = match running {
                Ok(running) => {
                    let count = running.len();
                    tasks.stop_all(running).await.map(|()| count)
                }
                Err(error) => Err(error),
            };
            tasks.delete_in_background(organization_id, id);
            stopped
        };
        self.inner.carry_through(begin).await
    }

    fn delete_in_background(&self, organization_id: OrganizationId, id: ProjectId) {
        let tasks = self.clone();
        let work = async move {
            match tasks.delete_all(organization_id, id).await {
                Ok(()) => tracing::info!(project = %id, "deleted a project"),
                // Another process did it, or will.
                Err(Error::Store(store::Error::NotFound) | Error::Stopping) => {}
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    project = %id,
                    "deleting a project failed; it goes on at the next start"
                ),
            }
        };
        // Nobody waits for it but a server that stops.
        drop(self.inner.runs.spawn(work));
    }

    async fn delete_all(
        &self,
        organization_id: OrganizationId,
        id: ProjectId,
    ) -> Result<(), Error> {
        let inner = &self.inner;
        loop {
            inner.accepting()?;
            // A request that was let in before the project was closed may have made another one.
            let running = self
                .open_of(organization_id, TaskOwner::Project(id))
                .await?;
            self.stop_all(running).await?;
            let tasks = inner.store.list_tasks_to_delete(id, BATCH).await?;
            if tasks.is_empty() {
                match inner.store.delete_closed_project(id).await {
                    Err(store::Error::Conflict) => continue,
                    done => return Ok(done?),
                }
            }
            for task in &tasks {
                inner.delete_workspace(*task).await?;
            }
            inner.store.delete_tasks(id, tasks).await?;
        }
    }
}

/// Goes on with what an earlier process began. What cannot be listed now is listed at the next
/// start.
pub(crate) async fn resume(inner: &Arc<Inner>) {
    let tasks = Tasks {
        inner: Arc::clone(inner),
    };
    match inner.store.unscoped_list_closed_projects().await {
        Ok(closed) => {
            for (organization_id, id) in closed {
                tasks.delete_in_background(organization_id, id);
            }
        }
        Err(error) => tracing::error!(
            error = &error as &dyn std::error::Error,
            "looking for projects to be deleted failed"
        ),
    }
}

impl Inner {
    /// Ends what lives in a task's session, and removes its files. Files that another server of
    /// the cluster has go when that one starts again.
    async fn delete_workspace(&self, id: TaskId) -> Result<(), Error> {
        self.sessions.kill(id).await;
        let place = self.sessions.workspace_place(id);
        let remove = move || match Workspace::open(&place.path, place.owner) {
            Ok(workspace) => workspace.delete(),
            Err(FileError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        };
        blocking(remove)
            .await
            .map_err(|error| Error::Disk(std::io::Error::other(error)))
    }
}
