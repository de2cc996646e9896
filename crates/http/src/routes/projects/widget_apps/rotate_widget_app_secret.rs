//! `POST /api/v1/projects/{projectId}/widget-apps/{id}/rotate-secret`.

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use wire::{Failure, RotateRequest, RotatedSecretResponse, Success};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::manage::{AppPath, MayChangeApps, grace_ms};
use crate::state::AppState;

/// Give a widget app another secret. The old ones work until the grace ends.
#[utoipa::path(
    post, path = "/api/v1/projects/{projectId}/widget-apps/{id}/rotate-secret", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project"), ("id" = String, Path, description = "The widget app")),
    request_body = RotateRequest,
    responses((status = 200, body = Success<RotatedSecretResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn rotate_widget_app_secret(
    MayChangeApps(permit): MayChangeApps,
    path: AppPath,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let scope = path.scope(&permit)?;
    state.widgets.get(scope).await?;
    let fields = Fields::read_optional_json(request, state.config.max_body_bytes).await?;
    let widgets = state.widgets_by(&permit);
    let rotated = widgets.rotate_secret(scope, grace_ms(&fields)?);
    let (secret, until) = rotated.await?;
    let body = RotatedSecretResponse {
        app_secret: secret.expose_app_secret().to_owned(),
        overlap_until: until.to_string(),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], success(body)).into_response())
}
