//! `DELETE /api/v1/projects/{projectId}`.

use axum::extract::State;
use axum::response::Response;
use tasks::TaskOwner;
use wire::{Failure, RevocationResponse, Success};

use crate::api_error::{ApiError, success};
use crate::manage::{Cut, MayDeleteProjects, ProjectPath, project, refused};
use crate::state::AppState;

/// Delete a project with its tasks, their files, its keys and widget apps.
#[utoipa::path(
    delete, path = "/api/v1/projects/{projectId}", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project")),
    responses((status = 200, body = Success<RevocationResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn delete_project(
    MayDeleteProjects(permit): MayDeleteProjects,
    ProjectPath(id): ProjectPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    project(&state, &permit, id).await?;
    let organization_id = permit.organization_id();
    let cut = Cut {
        organization_id,
        owner: TaskOwner::Project(id),
    };
    let streams = cut.streams(&state);
    let closed = state
        .keys_by(&permit)
        .close_project(organization_id, id)
        .await;
    let closed = closed.map_err(|error| refused("Project", error))?;
    let revoked_at = state.clock.now().to_string();
    let running_tasks = state.tasks.delete_project(organization_id, id).await?;
    Ok(success(RevocationResponse {
        revoked_at,
        keys: closed.keys,
        sessions: closed.sessions,
        streams,
        running_tasks,
    }))
}
