//! `GET /api/v1/tasks/{id}/history`.

use axum::extract::State;
use axum::response::Response;
use wire::{Failure, HistoryResponse, Success};

use crate::api_error::{ApiError, success};
use crate::extract::{MayRead, TaskPath};
use crate::state::AppState;

/// Get the saved messages of a task.
#[utoipa::path(
    get, path = "/api/v1/tasks/{id}/history", tag = "tasks",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "The task")),
    responses((status = 200, body = Success<HistoryResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn get_history(
    MayRead(permit): MayRead,
    TaskPath(id): TaskPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let (task, rows) = state.tasks.history(&permit, id).await?;
    Ok(success(HistoryResponse::new(&task, &rows)))
}
