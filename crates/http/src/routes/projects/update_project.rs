//! `PATCH /api/v1/projects/{projectId}`.

use axum::extract::{Request, State};
use axum::response::Response;
use wire::{Failure, ProjectRequest, ProjectResponse, Success};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::manage::{MayChangeProjects, ProjectPath, project, refused};
use crate::shown::project_response;
use crate::state::AppState;

/// Rename a project.
#[utoipa::path(
    patch, path = "/api/v1/projects/{projectId}", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project")),
    request_body = ProjectRequest,
    responses((status = 200, body = Success<ProjectResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn update_project(
    MayChangeProjects(permit): MayChangeProjects,
    ProjectPath(id): ProjectPath,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let found = project(&state, &permit, id).await?;
    let fields = Fields::read_json(request, state.config.max_body_bytes).await?;
    let Some(name) = fields.text("name")? else {
        return Ok(success(project_response(&found)));
    };
    let changed = state
        .keys_by(&permit)
        .rename_project(permit.organization_id(), id, &name)
        .await;
    let changed = changed.map_err(|error| refused("Project", error))?;
    Ok(success(project_response(&changed)))
}
