//! `GET /api/v1/projects/{projectId}/widget-apps`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use wire::{Failure, Paged, WidgetAppResponse};

use crate::api_error::{ApiError, json};
use crate::manage::{MaySeeApps, ProjectPath, project};
use crate::query::Parameters;
use crate::shown::app_response;
use crate::state::AppState;

/// List the widget apps of a project, oldest first.
#[utoipa::path(
    get, path = "/api/v1/projects/{projectId}/widget-apps", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project"), ("limit" = Option<i64>, Query, description = "Items at most"), ("offset" = Option<i64>, Query, description = "Items before the first")),
    responses((status = 200, body = Paged<WidgetAppResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn list_widget_apps(
    MaySeeApps(permit): MaySeeApps,
    ProjectPath(id): ProjectPath,
    State(state): State<AppState>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    project(&state, &permit, id).await?;
    let listed = state.widgets.list(permit.organization_id(), id).await?;
    let items = listed.iter().map(app_response).collect();
    Ok(json(&parameters.page(items)?).into_response())
}
