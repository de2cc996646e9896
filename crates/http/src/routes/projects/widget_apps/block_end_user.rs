//! `POST /api/v1/projects/{projectId}/widget-apps/{id}/end-users/block`.

use axum::extract::{Request, State};
use axum::response::Response;
use wire::{EndUserRequest, Failure, RevocationResponse, Success};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::manage::{AppPath, MayChangeApps, Remaining, cut_off_end_user};
use crate::state::AppState;

/// Cut an end user's tokens off and refuse new ones.
///
/// One who never came can be blocked beforehand.
#[utoipa::path(
    post, path = "/api/v1/projects/{projectId}/widget-apps/{id}/end-users/block", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project"), ("id" = String, Path, description = "The widget app"), ("stopTasks" = Option<bool>, Query, description = "`true`: the tasks that it leaves running are cancelled")),
    request_body = EndUserRequest,
    responses((status = 200, body = Success<RevocationResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn block_end_user(
    MayChangeApps(permit): MayChangeApps,
    path: AppPath,
    State(state): State<AppState>,
    remaining: Remaining,
    request: Request,
) -> Result<Response, ApiError> {
    let scope = path.scope(&permit)?;
    state.widgets.get(scope).await?;
    let fields = Fields::read_json(request, state.config.max_body_bytes).await?;
    let name = fields.text("endUserId")?.unwrap_or_default();
    let cut_off = state
        .widgets_by(&permit)
        .block_end_user(scope, &name)
        .await?;
    let receipt = cut_off_end_user(&state, &permit, cut_off, remaining).await?;
    Ok(success(receipt))
}
