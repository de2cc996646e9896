//! `GET /api/v1/tasks/{id}/artifacts`.

use axum::extract::State;
use axum::response::Response;
use wire::{ArtifactResponse, ArtifactsResponse, Failure, Success};

use crate::api_error::{ApiError, success};
use crate::download::media_type;
use crate::extract::{MayRead, TaskPath};
use crate::state::AppState;

/// List the files of a task's workspace.
///
/// What the agent left in `downloads/` comes first, what was uploaded last.
#[utoipa::path(
    get, path = "/api/v1/tasks/{id}/artifacts", tag = "tasks",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "The task")),
    responses((status = 200, body = Success<ArtifactsResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn list_artifacts(
    MayRead(permit): MayRead,
    TaskPath(id): TaskPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let found = state.tasks.artifacts(&permit, id).await?;
    let files = found.files.into_iter().map(|file| {
        let media_type = media_type(&file.path).to_owned();
        ArtifactResponse::new(file.path, file.size_bytes, file.modified_at, media_type)
    });
    Ok(success(ArtifactsResponse {
        files: files.collect(),
        truncated: found.truncated,
    }))
}
