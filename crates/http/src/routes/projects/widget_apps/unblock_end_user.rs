//! `POST /api/v1/projects/{projectId}/widget-apps/{id}/end-users/unblock`.

use axum::extract::{Request, State};
use axum::response::Response;
use wire::{Empty, EndUserRequest, Failure, Success};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::manage::{AppPath, MayChangeApps};
use crate::state::AppState;

/// Let an end user get tokens again. Those that were cut off stay dead.
#[utoipa::path(
    post, path = "/api/v1/projects/{projectId}/widget-apps/{id}/end-users/unblock", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project"), ("id" = String, Path, description = "The widget app")),
    request_body = EndUserRequest,
    responses((status = 200, body = Success<Empty>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn unblock_end_user(
    MayChangeApps(permit): MayChangeApps,
    path: AppPath,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let scope = path.scope(&permit)?;
    state.widgets.get(scope).await?;
    let fields = Fields::read_json(request, state.config.max_body_bytes).await?;
    let name = fields.text("endUserId")?.unwrap_or_default();
    state
        .widgets_by(&permit)
        .unblock_end_user(scope, &name)
        .await?;
    Ok(success(Empty {}))
}
