//! How a task lies in its row.

use model::{Task, TaskId, TaskScope, Whose};

use crate::Error;
use crate::tx::Tx;
use crate::value::{Json, Row, Value};

/// The columns of a task, in the order of [`read_task`].
macro_rules! task_columns {
    () => {
        "id, organization_id, project_id, api_key_id, username, session_id, conversation_id, \
         status, message, system_prompt, show_in_history, auto_execute, env, secret_names, \
         model, max_turns, timeout_ms, metadata, error, created_at, started_at, completed_at, \
         last_activity_at, message_count, run, run_first_seq, last_seq, end_user_id"
    };
}

/// One task, `$4`, as far as a scope may know of it: its [`scope_values`] are `$1` to `$3`.
macro_rules! find_scoped_task {
    () => {
        concat!(
            "SELECT ",
            task_columns!(),
            " FROM tasks WHERE organization_id = $1 AND project_id = $2
              AND ($3 = '' OR end_user_id = $3) AND id = $4"
        )
    };
}

pub(crate) use task_columns;

/// A scope as three parameters; the third is empty where it is not one end user's.
pub(crate) fn scope_values(scope: &TaskScope) -> [Value<'static>; 3] {
    let whose = match scope.whose {
        Whose::Anybody => Value::from(String::new()),
        Whose::EndUser(id) => Value::from(id),
    };
    [
        Value::from(scope.organization_id),
        Value::from(scope.project_id),
        whose,
    ]
}

/// The task of that id, as far as the scope may know of it.
pub(crate) async fn find_scoped(
    tx: &mut Tx,
    scope: &TaskScope,
    id: TaskId,
) -> Result<Option<Task>, Error> {
    let [organization, project, whose] = scope_values(scope);
    let values = [organization, project, whose, Value::from(id)];
    let row = tx.query_opt(find_scoped_task!(), &values).await?;
    row.map(|mut row| read_task(&mut row)).transpose()
}

pub(crate) fn read_task(row: &mut Row) -> Result<Task, Error> {
    let text = |json: Option<Json<String>>| json.map(|Json(text)| text);
    let value = |json: Option<Json<serde_json::Value>>| json.map(|Json(value)| value);
    Ok(Task {
        id: row.next("tasks.id")?,
        organization_id: row.next("tasks.organization_id")?,
        project_id: row.next("tasks.project_id")?,
        api_key_id: row.next("tasks.api_key_id")?,
        username: row.next("tasks.username")?,
        session_id: row.next("tasks.session_id")?,
        conversation_id: row.next("tasks.conversation_id")?,
        status: row.next("tasks.status")?,
        message: row.next::<Json<String>>("tasks.message")?.0,
        system_prompt: text(row.next("tasks.system_prompt")?),
        show_in_history: row.next("tasks.show_in_history")?,
        auto_execute: row.next("tasks.auto_execute")?,
        env: value(row.next("tasks.env")?),
        secret_names: row.next::<Json<Vec<String>>>("tasks.secret_names")?.0,
        model: row.next("tasks.model")?,
        max_turns: row.next("tasks.max_turns")?,
        timeout_ms: row.next("tasks.timeout_ms")?,
        metadata: value(row.next("tasks.metadata")?),
        error: text(row.next("tasks.error")?),
        created_at: row.next("tasks.created_at")?,
        started_at: row.next("tasks.started_at")?,
        completed_at: row.next("tasks.completed_at")?,
        last_activity_at: row.next("tasks.last_activity_at")?,
        message_count: row.next("tasks.message_count")?,
        run: row.next("tasks.run")?,
        run_first_seq: row.next("tasks.run_first_seq")?,
        last_seq: row.next("tasks.last_seq")?,
        end_user_id: row.next("tasks.end_user_id")?,
    })
}
