//! `DELETE /api/v1/tasks/{id}`.

use axum::extract::State;
use axum::response::Response;
use wire::{CancelResponse, Failure, Success};

use crate::api_error::{ApiError, success};
use crate::extract::{MayWrite, TaskPath};
use crate::state::AppState;

/// Cancel a task.
///
/// Answers when the task is `cancelled` and no process of it is left. The record stays.
#[utoipa::path(
    delete, path = "/api/v1/tasks/{id}", tag = "tasks",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "The task")),
    responses((status = 200, body = Success<CancelResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn cancel_task(
    MayWrite(permit): MayWrite,
    TaskPath(id): TaskPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    state.tasks.cancel(&permit, id).await?;
    Ok(success(CancelResponse {
        message: "Task cancelled".to_owned(),
    }))
}
