//! `DELETE /api/v1/projects/{projectId}/api-keys/{id}`.

use axum::extract::State;
use axum::response::Response;
use tasks::TaskOwner;
use tenancy::KeyStatus;
use wire::{Failure, RevocationResponse, Success};

use crate::api_error::{ApiError, success};
use crate::manage::{Counts, Cut, KeyPath, MayChangeKeys, Remaining, reachable_key, refused};
use crate::state::AppState;

/// Revoke an API key for ever, at once.
#[utoipa::path(
    delete, path = "/api/v1/projects/{projectId}/api-keys/{id}", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project"), ("id" = String, Path, description = "The key"), ("stopTasks" = Option<bool>, Query, description = "`true`: the tasks that it leaves running are cancelled")),
    responses((status = 200, body = Success<RevocationResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn revoke_api_key(
    MayChangeKeys(permit): MayChangeKeys,
    path: KeyPath,
    State(state): State<AppState>,
    remaining: Remaining,
) -> Result<Response, ApiError> {
    let key = reachable_key(&state, &permit, path).await?;
    let organization_id = permit.organization_id();
    let cut = Cut {
        organization_id,
        owner: TaskOwner::Key(key.id),
    };
    let counts = Counts {
        keys: usize::from(key.status == KeyStatus::Active),
        streams: cut.streams(&state),
        ..Counts::default()
    };
    let revoked = state
        .keys_by(&permit)
        .revoke_key(organization_id, key.id, None)
        .await;
    revoked.map_err(|error| refused("API key", error))?;
    Ok(success(cut.receipt(&state, counts, remaining).await?))
}
