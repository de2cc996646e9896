//! `GET /api/v1/projects/{projectId}/widget-apps/{id}`.

use axum::extract::State;
use axum::response::Response;
use wire::{Failure, Success, WidgetAppResponse};

use crate::api_error::{ApiError, success};
use crate::manage::{AppPath, MaySeeApps};
use crate::shown::app_response;
use crate::state::AppState;

/// Get a widget app.
#[utoipa::path(
    get, path = "/api/v1/projects/{projectId}/widget-apps/{id}", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project"), ("id" = String, Path, description = "The widget app")),
    responses((status = 200, body = Success<WidgetAppResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn get_widget_app(
    MaySeeApps(permit): MaySeeApps,
    path: AppPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let app = state.widgets.get(path.scope(&permit)?).await?;
    Ok(success(app_response(&app)))
}
