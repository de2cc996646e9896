//! `PATCH /api/v1/projects/{projectId}/api-keys/{id}`.

use axum::extract::{Request, State};
use axum::response::Response;
use tenancy::{KeyChange, KeyStatus};
use wire::{ApiKeyResponse, Failure, Success, UpdateApiKeyRequest};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::manage::{KeyPath, MayChangeKeys, reachable_key, refused};
use crate::shown::key_response;
use crate::state::AppState;

/// Change an API key: its name, whether it works, when it expires.
///
/// A change counts for the next request with the key, on every server; its open streams end within a second.
#[utoipa::path(
    patch, path = "/api/v1/projects/{projectId}/api-keys/{id}", tag = "settings",
    security(("bearer" = []), ("apiKey" = [])),
    params(("projectId" = String, Path, description = "The project"), ("id" = String, Path, description = "The key")),
    request_body = UpdateApiKeyRequest,
    responses((status = 200, body = Success<ApiKeyResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn update_api_key(
    MayChangeKeys(permit): MayChangeKeys,
    path: KeyPath,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let key = reachable_key(&state, &permit, path).await?;
    let fields = Fields::read_json(request, state.config.max_body_bytes).await?;
    let status = |enabled| {
        if enabled {
            KeyStatus::Active
        } else {
            KeyStatus::Disabled
        }
    };
    let change = KeyChange {
        name: fields.text("name")?,
        status: fields.truth("enabled")?.map(status),
        expires_at: if fields.is_null("expiresAt") {
            Some(None)
        } else {
            fields.moment("expiresAt")?.map(Some)
        },
    };
    let changed = state
        .keys
        .update_key(permit.organization_id(), key.id, change)
        .await;
    let changed = changed.map_err(|error| refused("API key", error))?;
    Ok(success(key_response(&changed)))
}
