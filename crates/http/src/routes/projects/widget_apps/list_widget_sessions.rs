//! `GET /api/v1/projects/{projectId}/widget-apps/{id}/sessions`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use wire::{Failure, Paged, WidgetSessionResponse};

use crate::api_error::{ApiError, json};
use crate::manage::{AppPath, MaySeeApps};
use crate::query::Parameters;
use crate::shown::session_response;
use crate::state::AppState;

/// List the tokens of a widget app that work, latest first, a thousand at most.
#[utoipa::path(
    get, path = "/api/v1/projects/{projectId}/widget-apps/{id}/sessions", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project"), ("id" = String, Path, description = "The widget app"), ("limit" = Option<i64>, Query, description = "Items at most"), ("offset" = Option<i64>, Query, description = "Items before the first")),
    responses((status = 200, body = Paged<WidgetSessionResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn list_widget_sessions(
    MaySeeApps(permit): MaySeeApps,
    path: AppPath,
    State(state): State<AppState>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let listed = state.widgets.sessions(path.scope(&permit)?).await?;
    let items = listed.iter().map(session_response).collect();
    Ok(json(&parameters.page(items)?).into_response())
}
