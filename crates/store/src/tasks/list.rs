//! Lists of tasks.

use model::{ApiKeyId, Task, TaskScope, TaskStatus, Timestamp, Whose};

use super::rows::{read_task, task_columns};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::{Value, params};
use crate::{Error, Store};

/// Which tasks of a scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Only those made with keys of this rotation chain.
    pub lineage: Option<ApiKeyId>,
    /// Only those in one of these states; empty: in any.
    pub statuses: Vec<TaskStatus>,
    /// Only those created later than this.
    pub created_after: Option<Timestamp>,
    /// Only those created earlier than this.
    pub created_before: Option<Timestamp>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskPage {
    /// The tasks of this part.
    pub tasks: Vec<Task>,
    /// How many there are in all.
    pub total: i64,
}

impl Store {
    /// Tasks, most recent activity first, ties by id, descending.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_tasks(
        &self,
        scope: &TaskScope,
        filter: TaskFilter,
        limit: i64,
        offset: i64,
    ) -> Result<TaskPage, Error> {
        let input = (scope.clone(), filter, limit, offset);
        self.read(
            "list_tasks",
            Read::Bulk,
            input,
            |tx, (scope, filter, limit, offset)| Box::pin(list(tx, scope, filter, *limit, *offset)),
        )
        .await
    }
}

/// `$1` to `$10` of all statements here; `$11` is the end user or the lineage where there is one.
macro_rules! filtered {
    ($whose:literal) => {
        concat!(
            " FROM tasks WHERE organization_id = $1 AND project_id = $2
              AND created_at > $3 AND created_at < $4
              AND status IN ($5, $6, $7, $8, $9, $10)",
            $whose
        )
    };
}

pub(crate) const ORDERED: &str = concat!(
    "SELECT ",
    task_columns!(),
    filtered!(""),
    " ORDER BY last_activity_at DESC, id DESC LIMIT $11 OFFSET $12"
);
pub(crate) const ORDERED_OF_LINEAGE: &str = concat!(
    "SELECT ",
    task_columns!(),
    filtered!(" AND lineage = $11"),
    " ORDER BY last_activity_at DESC, id DESC LIMIT $12 OFFSET $13"
);
pub(crate) const ORDERED_OF_END_USER: &str = concat!(
    "SELECT ",
    task_columns!(),
    filtered!(" AND end_user_id = $11"),
    " ORDER BY last_activity_at DESC, id DESC LIMIT $12 OFFSET $13"
);
const COUNT: &str = concat!("SELECT COUNT(*)", filtered!(""));
const COUNT_OF_LINEAGE: &str = concat!("SELECT COUNT(*)", filtered!(" AND lineage = $11"));
const COUNT_OF_END_USER: &str = concat!("SELECT COUNT(*)", filtered!(" AND end_user_id = $11"));

async fn list(
    tx: &mut Tx,
    scope: &TaskScope,
    filter: &TaskFilter,
    limit: i64,
    offset: i64,
) -> Result<TaskPage, Error> {
    tx.snapshot().await?;
    let mut values = filter_values(scope, filter);
    let (count, ordered) = match (scope.whose, filter.lineage) {
        // An end user's tasks were made with no key, so no lineage can narrow them down.
        (Whose::EndUser(end_user), _) => {
            values.push(Value::from(end_user));
            (COUNT_OF_END_USER, ORDERED_OF_END_USER)
        }
        (Whose::Anybody, Some(lineage)) => {
            values.push(Value::from(lineage));
            (COUNT_OF_LINEAGE, ORDERED_OF_LINEAGE)
        }
        (Whose::Anybody, None) => (COUNT, ORDERED),
    };
    let total = match tx.query_opt(count, &values).await? {
        Some(mut row) => row.next("count of tasks")?,
        None => 0,
    };
    values.extend_from_slice(params![limit, offset]);
    let rows = tx.query(ordered, &values).await?;
    let tasks: Result<_, _> = rows
        .into_iter()
        .map(|mut row| read_task(&mut row))
        .collect();
    Ok(TaskPage {
        tasks: tasks?,
        total,
    })
}

fn filter_values(scope: &TaskScope, filter: &TaskFilter) -> Vec<Value<'static>> {
    let after = filter.created_after.map_or(i64::MIN, Timestamp::as_millis);
    let before = filter.created_before.map_or(i64::MAX, Timestamp::as_millis);
    let mut values = vec![
        Value::from(scope.organization_id),
        Value::from(scope.project_id),
        Value::from(after),
        Value::from(before),
    ];
    // The statement has a place for each status there is: a shorter list repeats its first.
    let wanted: &[TaskStatus] = match filter.statuses.as_slice() {
        [] => &TaskStatus::ALL,
        some => some,
    };
    for (at, any) in TaskStatus::ALL.iter().enumerate() {
        let status = if wanted.len() > TaskStatus::ALL.len() {
            // More than there are: some occur twice; ask for each one that occurs.
            wanted.iter().find(|status| *status == any)
        } else {
            wanted.get(at)
        };
        values.push(Value::from(status.copied().unwrap_or(wanted[0])));
    }
    values
}
