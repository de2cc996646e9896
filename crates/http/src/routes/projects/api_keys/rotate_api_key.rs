//! `POST /api/v1/projects/{projectId}/api-keys/{id}/rotate`.

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use model::KeyClass;
use tenancy::Reach;
use wire::{Failure, RotateRequest, RotatedApiKeyResponse, Success};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::manage::{KeyPath, MayChangeKeys, grace_ms, reachable_key, refused, within_own_reach};
use crate::shown::caller_response;
use crate::state::AppState;

/// Put another API key in the place of one.
///
/// Both work until the grace ends or the old one is revoked. The tasks of the old key are in the lists of the new one.
#[utoipa::path(
    post, path = "/api/v1/projects/{projectId}/api-keys/{id}/rotate", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project"), ("id" = String, Path, description = "The key")),
    request_body = RotateRequest,
    responses((status = 200, body = Success<RotatedApiKeyResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn rotate_api_key(
    MayChangeKeys(permit): MayChangeKeys,
    path: KeyPath,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let old = reachable_key(&state, &permit, path).await?;
    if old.class == KeyClass::Management {
        within_own_reach(&state, &permit, &Reach::from(&old)).await?;
    }
    let fields = Fields::read_optional_json(request, state.config.max_body_bytes).await?;
    let rotated = state
        .keys_by(&permit)
        .rotate_key(
            permit.organization_id(),
            old.id,
            grace_ms(&fields)?,
            permit.username(),
        )
        .await;
    let rotated = rotated.map_err(|error| refused("API key", error))?;
    let body = RotatedApiKeyResponse {
        id: rotated.minted.record.id.to_string(),
        key: rotated.minted.key.expose_key().to_owned(),
        replaces: old.id.to_string(),
        overlap_until: rotated.overlap_until.to_string(),
        recent_callers: rotated.callers.iter().map(caller_response).collect(),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], success(body)).into_response())
}
