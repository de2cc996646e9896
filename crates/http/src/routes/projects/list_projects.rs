//! `GET /api/v1/projects`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use wire::{Failure, Paged, ProjectResponse};

use crate::api_error::{ApiError, json};
use crate::manage::MaySeeProjects;
use crate::query::Parameters;
use crate::shown::project_response;
use crate::state::AppState;

/// List the projects of the organization that the caller may see, by name.
#[utoipa::path(
    get, path = "/api/v1/projects", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("limit" = Option<i64>, Query, description = "Items at most"), ("offset" = Option<i64>, Query, description = "Items before the first")),
    responses((status = 200, body = Paged<ProjectResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn list_projects(
    MaySeeProjects(permit): MaySeeProjects,
    State(state): State<AppState>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let listed = state.keys.list_projects(permit.organization_id()).await;
    let listed = listed.map_err(|error| crate::manage::refused("Project", error))?;
    let seen = listed.iter().filter(|project| permit.holds(project.id));
    let items = seen.map(project_response).collect();
    Ok(json(&parameters.page(items)?).into_response())
}
