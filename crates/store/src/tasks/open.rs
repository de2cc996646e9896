//! The open tasks of somebody: what a revocation leaves running.

use model::{
    ApiKeyId, EndUserId, OrganizationId, ProjectId, TaskId, TaskScope, Whose, WidgetAppId,
};

use crate::store::Read;
use crate::tx::Tx;
use crate::value::{Row, Value, params};
use crate::{Error, Store};

/// Whose tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskOwner {
    /// Those made with this key.
    Key(ApiKeyId),
    /// Those of this end user.
    EndUser(EndUserId),
    /// Those of every end user of this app.
    WidgetApp(WidgetAppId),
    /// All of this project.
    Project(ProjectId),
}

/// A task that has an open run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTask {
    /// Its id.
    pub id: TaskId,
    /// Its tenant.
    pub scope: TaskScope,
}

impl Store {
    /// The tasks of `owner` that have an open run.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_open_tasks(
        &self,
        organization_id: OrganizationId,
        owner: TaskOwner,
    ) -> Result<Vec<OpenTask>, Error> {
        self.read(
            "list_open_tasks",
            Read::Bulk,
            (organization_id, owner),
            |tx, (organization, owner)| Box::pin(list(tx, *organization, *owner)),
        )
        .await
    }
}

/// The open runs are few and have an index of their own: the tasks are found through them.
macro_rules! open_tasks {
    ($whose:literal) => {
        concat!(
            "SELECT t.id, t.organization_id, t.project_id FROM runs r
             JOIN tasks t ON t.id = r.task_id
             WHERE r.state <> 'ended' AND t.organization_id = $1 AND ",
            $whose
        )
    };
}

async fn list(
    tx: &mut Tx,
    organization_id: OrganizationId,
    owner: TaskOwner,
) -> Result<Vec<OpenTask>, Error> {
    let (sql, whose) = match owner {
        TaskOwner::Key(id) => (open_tasks!("t.api_key_id = $2"), Value::from(id)),
        TaskOwner::EndUser(id) => (open_tasks!("t.end_user_id = $2"), Value::from(id)),
        TaskOwner::WidgetApp(id) => (
            open_tasks!("t.end_user_id IN (SELECT id FROM end_users WHERE widget_app_id = $2)"),
            Value::from(id),
        ),
        TaskOwner::Project(id) => (open_tasks!("t.project_id = $2"), Value::from(id)),
    };
    let rows = tx.query(sql, params![organization_id, whose]).await?;
    rows.into_iter().map(read).collect()
}

fn read(mut row: Row) -> Result<OpenTask, Error> {
    Ok(OpenTask {
        id: row.next("tasks.id")?,
        scope: TaskScope {
            organization_id: row.next("tasks.organization_id")?,
            project_id: row.next("tasks.project_id")?,
            whose: Whose::Anybody,
        },
    })
}
