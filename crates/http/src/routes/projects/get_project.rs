//! `GET /api/v1/projects/{projectId}`.

use axum::extract::State;
use axum::response::Response;
use wire::{Failure, ProjectResponse, Success};

use crate::api_error::{ApiError, success};
use crate::manage::{MaySeeProjects, ProjectPath, project};
use crate::shown::project_response;
use crate::state::AppState;

/// Get a project.
#[utoipa::path(
    get, path = "/api/v1/projects/{projectId}", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project")),
    responses((status = 200, body = Success<ProjectResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn get_project(
    MaySeeProjects(permit): MaySeeProjects,
    ProjectPath(id): ProjectPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let project = project(&state, &permit, id).await?;
    Ok(success(project_response(&project)))
}
