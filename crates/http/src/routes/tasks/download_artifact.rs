//! `GET /api/v1/tasks/{id}/artifacts/download`, also known as `…/file` and `…/content`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use wire::{Failure, FileBytes};

use crate::api_error::ApiError;
use crate::download::{file_response, folder_response};
use crate::extract::{MayRead, TaskPath};
use crate::query::Parameters;
use crate::state::AppState;

/// Download a file of a task's workspace, or a folder as a ZIP archive.
///
/// Whatever is not a regular file inside the workspace is not found.
#[utoipa::path(
    get, path = "/api/v1/tasks/{id}/artifacts/download", tag = "tasks",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(
        ("id" = String, Path, description = "The task"),
        ("path" = String, Query, description = "The file, as listed"),
        ("format" = Option<String>, Query, description = "`zip`: the path names a folder, which is sent as an archive"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` of before: unchanged files answer 304"),
    ),
    responses(
        (status = 200, description = "The file", content_type = "application/octet-stream", body = FileBytes),
        (status = 206, description = "The part of it that was asked for", content_type = "application/octet-stream", body = FileBytes),
        (status = 304, description = "The caller has it already"),
        (status = "4XX", body = Failure),
    ),
)]
pub(crate) async fn download_artifact(
    MayRead(permit): MayRead,
    TaskPath(id): TaskPath,
    State(state): State<AppState>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let path = parameters.get("path").filter(|path| !path.is_empty());
    let path = match (path, parameters.get("format")) {
        (Some(path), None) => {
            let file = state.tasks.open_artifact(&permit, id, path).await?;
            return file_response(&headers, file).await;
        }
        (Some(path), Some("zip")) => {
            let folder = state.tasks.open_folder(&permit, id, path).await?;
            return Ok(folder_response(folder));
        }
        (path, _) => path,
    };
    state.tasks.check(&permit, id).await?;
    Err(ApiError::invalid(match path {
        None => "`path` is required",
        Some(_) => "`format` can only be `zip`",
    }))
}
