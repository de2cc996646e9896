//! `GET /api/v1/tasks/{id}`.

use axum::extract::State;
use axum::response::Response;
use wire::{Failure, Success, TaskResponse};

use crate::api_error::{ApiError, success};
use crate::extract::{MayRead, TaskPath};
use crate::state::AppState;

/// Get a task.
#[utoipa::path(
    get, path = "/api/v1/tasks/{id}", tag = "tasks",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "The task")),
    responses((status = 200, body = Success<TaskResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn get_task(
    MayRead(permit): MayRead,
    TaskPath(id): TaskPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let (task, run, open) = state.tasks.get(&permit, id).await?;
    Ok(success(TaskResponse::new(&task, &run, open.as_ref())))
}
