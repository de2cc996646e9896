//! `PATCH /api/v1/projects/{projectId}/api-keys/{id}`.

use axum::extract::{Request, State};
use axum::response::Response;
use model::KeyClass;
use tenancy::{KeyChange, KeyStatus, Reach};
use wire::{ApiKeyResponse, Failure, Success, UpdateApiKeyRequest};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::manage::{KeyPath, MayChangeKeys, rate_limit, reachable_key, refused, within_own_reach};
use crate::shown::key_response;
use crate::state::AppState;

/// Change an API key: its name, whether it works, when it expires.
///
/// To enable a key of class `management`, or to change when it expires, the caller's key must reach as far.
/// A change counts for the next request with the key, on every server; its open streams end within a second.
#[utoipa::path(
    patch, path = "/api/v1/projects/{projectId}/api-keys/{id}", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
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
        limits: rate_limit(&fields)?,
        status: fields.truth("enabled")?.map(status),
        expires_at: if fields.is_null("expiresAt") {
            Some(None)
        } else {
            fields.moment("expiresAt")?.map(Some)
        },
    };
    let livelier = change.status == Some(KeyStatus::Active) || change.expires_at.is_some();
    if key.class == KeyClass::Management && livelier {
        let wanted = Reach {
            expires_at: change.expires_at.unwrap_or(key.expires_at),
            ..Reach::from(&key)
        };
        within_own_reach(&state, &permit, &wanted).await?;
    }
    let changed = state
        .keys_by(&permit)
        .update_key(permit.organization_id(), key.id, change)
        .await;
    let changed = changed.map_err(|error| refused("API key", error))?;
    Ok(success(key_response(&changed)))
}
