//! Workspaces whose task was never written: their process ended in between.

use std::path::PathBuf;
use std::sync::Arc;

use model::TaskId;
use sandbox::Workspace;

use super::disk::blocking;
use crate::service::Inner;

/// The workspaces that were there before this process took its first request.
#[derive(Debug, Default)]
pub(crate) struct Orphans(Vec<TaskId>);

impl Orphans {
    /// Lists the workspaces. What is made later belongs to this process, or to one that lives.
    pub(crate) async fn list(inner: &Inner) -> std::io::Result<Self> {
        let directory = inner.sessions.workspaces_dir().to_owned();
        blocking(move || list(directory)).await.map(Self)
    }

    /// Removes those that no task has.
    pub(crate) async fn remove(self, inner: &Arc<Inner>) {
        for id in self.0 {
            match inner.store.unscoped_find_task(id).await {
                Ok(Some(_)) => continue,
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "looking for workspaces without a task failed"
                    );
                    return;
                }
            }
            let place = inner.sessions.workspace_place(id);
            let removed =
                blocking(move || Workspace::open(&place.path, place.owner)?.delete()).await;
            match removed {
                Ok(()) => tracing::info!(task = %id, "removed a workspace without a task"),
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    task = %id,
                    "a workspace without a task could not be removed"
                ),
            }
        }
    }
}

fn list(directory: PathBuf) -> std::io::Result<Vec<TaskId>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let id: Option<TaskId> = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if entry.file_type()?.is_dir() {
            found.extend(id);
        }
    }
    Ok(found)
}
