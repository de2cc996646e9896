//! `DELETE /api/v1/organizations/{orgId}/invites/{id}`.

use axum::extract::State;
use axum::response::Response;
use wire::{Empty, Failure, Success};

use crate::api_error::{ApiError, success};
use crate::manage::MayChangeMembers;
use crate::members::InvitePath;
use crate::state::AppState;

/// Take an invitation back.
#[utoipa::path(
    delete, path = "/api/v1/organizations/{orgId}/invites/{id}", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("orgId" = String, Path, description = "The organization"), ("id" = String, Path, description = "The invitation")),
    responses((status = 200, body = Success<Empty>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn delete_invite(
    MayChangeMembers(permit): MayChangeMembers,
    path: InvitePath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let id = path.of(&permit)?;
    state.people.take_back(&permit, id).await?;
    Ok(success(Empty {}))
}
