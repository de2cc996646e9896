//! `GET /api/v1/tasks`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use model::{ApiKeyId, Permit, Principal, TaskStatus};
use tasks::{ListRequest, TaskFilter};
use wire::{Failure, Paged, TaskListItem};

use crate::api_error::{ApiError, json};
use crate::extract::MayRead;
use crate::query::Parameters;
use crate::state::AppState;

/// List tasks, latest activity first.
#[utoipa::path(
    get, path = "/api/v1/tasks", tag = "tasks",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(
        ("limit" = Option<i64>, Query, description = "Items at most: 1 to 100, default 50; more is taken as 100"),
        ("offset" = Option<i64>, Query, description = "Items before the first, default 0"),
        ("status" = Option<Vec<String>>, Query, description = "Only tasks with one of these statuses; repeatable"),
        ("scope" = Option<String>, Query, description = "`project`: all tasks of the key's project, not only the key's own"),
        ("createdAfter" = Option<String>, Query, description = "ISO 8601"),
        ("createdBefore" = Option<String>, Query, description = "ISO 8601"),
    ),
    responses((status = 200, body = Paged<TaskListItem>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn list_tasks(
    MayRead(permit): MayRead,
    State(state): State<AppState>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let (limit, offset) = parameters.limits()?;
    let filter = filter(&permit, &parameters)?;
    let page = state
        .tasks
        .list(
            &permit,
            ListRequest {
                filter,
                limit,
                offset,
            },
        )
        .await?;
    let items = page.tasks.iter().map(TaskListItem::from).collect();
    Ok(json(&Paged::new(items, page.total, limit, offset)).into_response())
}

fn filter(permit: &Permit, parameters: &Parameters) -> Result<TaskFilter, ApiError> {
    let lineage = match parameters.get("scope") {
        None => own_tasks(permit),
        Some("project") => None,
        Some(_) => return Err(ApiError::invalid("`scope` can only be `project`")),
    };
    let status = |name: &str| {
        TaskStatus::parse(name)
            .ok_or_else(|| ApiError::invalid(format!("`status`: there is no {name:?}")))
    };
    Ok(TaskFilter {
        lineage,
        statuses: parameters
            .all("status")
            .map(status)
            .collect::<Result<_, _>>()?,
        created_after: parameters.moment("createdAfter")?,
        created_before: parameters.moment("createdBefore")?,
    })
}

fn own_tasks(permit: &Permit) -> Option<ApiKeyId> {
    match permit.principal() {
        Principal::ApiKey(key) => Some(key.lineage),
        // The permit's scope holds their own tasks only.
        Principal::EndUser(_) => None,
        // Everybody in a project sees all of it.
        Principal::Console(_) => None,
    }
}
