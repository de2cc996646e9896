//! `GET /api/v1/projects/{projectId}/api-keys/{id}/usage`.

use axum::extract::State;
use axum::response::Response;
use model::{ApiKeyId, SettingPermit};
use wire::{ApiKeyUsageResponse, CallerResponse, Failure, Success};

use crate::api_error::{ApiError, success};
use crate::manage::{KeyPath, MaySeeKeys, reachable_key, refused};
use crate::shown::caller_response;
use crate::state::AppState;

/// From where an API key, and the one that it replaces, are used.
#[utoipa::path(
    get, path = "/api/v1/projects/{projectId}/api-keys/{id}/usage", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project"), ("id" = String, Path, description = "The key")),
    responses((status = 200, body = Success<ApiKeyUsageResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn get_api_key_usage(
    MaySeeKeys(permit): MaySeeKeys,
    path: KeyPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let key = reachable_key(&state, &permit, path).await?;
    let old_callers = match key.rotated_from {
        Some(old) => callers(&state, &permit, old).await?,
        None => Vec::new(),
    };
    Ok(success(ApiKeyUsageResponse {
        callers: callers(&state, &permit, key.id).await?,
        old_callers,
    }))
}

async fn callers(
    state: &AppState,
    permit: &SettingPermit,
    id: ApiKeyId,
) -> Result<Vec<CallerResponse>, ApiError> {
    let found = state.keys.key_callers(permit.organization_id(), id).await;
    let found = found.map_err(|error| refused("API key", error))?;
    Ok(found.iter().map(caller_response).collect())
}
