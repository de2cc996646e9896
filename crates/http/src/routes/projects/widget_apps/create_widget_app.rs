//! `POST /api/v1/projects/{projectId}/widget-apps`.

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tenancy::NewWidget;
use wire::{CreatedWidgetAppResponse, Failure, Success, WidgetAppRequest};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::manage::{MayChangeApps, ProjectPath, project};
use crate::shown::app_response;
use crate::state::AppState;

/// Create a widget app. The answer is the only one that holds its secret.
#[utoipa::path(
    post, path = "/api/v1/projects/{projectId}/widget-apps", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project")),
    request_body = WidgetAppRequest,
    responses((status = 200, body = Success<CreatedWidgetAppResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn create_widget_app(
    MayChangeApps(permit): MayChangeApps,
    ProjectPath(id): ProjectPath,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    project(&state, &permit, id).await?;
    let fields = Fields::read_json(request, state.config.max_body_bytes).await?;
    let new = NewWidget {
        name: fields.text("name")?.unwrap_or_default(),
        allowed_origins: fields.texts("allowedOrigins")?.unwrap_or_default(),
        allow_null_origin: fields.truth("allowNullOrigin")?.unwrap_or(false),
        require_origin: fields.truth("requireOrigin")?.unwrap_or(false),
        theme: fields.value("theme").cloned(),
    };
    let organization_id = permit.organization_id();
    let widgets = state.widgets_by(&permit);
    let made = widgets.create(organization_id, id, new, permit.username());
    let minted = made.await?;
    let body = CreatedWidgetAppResponse {
        record: app_response(&minted.app),
        app_secret: minted.secret.expose_app_secret().to_owned(),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], success(body)).into_response())
}
