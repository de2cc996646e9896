//! `POST /api/v1/projects`.

use axum::extract::{Request, State};
use axum::response::Response;
use wire::{Failure, ProjectRequest, ProjectResponse, Success};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::manage::{MayCreateProjects, refused};
use crate::shown::project_response;
use crate::state::AppState;

/// Create a project.
#[utoipa::path(
    post, path = "/api/v1/projects", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    request_body = ProjectRequest,
    responses((status = 200, body = Success<ProjectResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn create_project(
    MayCreateProjects(permit): MayCreateProjects,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = Fields::read_json(request, state.config.max_body_bytes).await?;
    let name = fields.text("name")?.unwrap_or_default();
    let made = state
        .keys_by(&permit)
        .create_project(permit.organization_id(), &name)
        .await;
    let project = made.map_err(|error| refused("Project", error))?;
    Ok(success(project_response(&project)))
}
