//! `POST /api/v1/organizations/{orgId}/invites/{id}/resend`.

use axum::extract::State;
use axum::response::Response;
use wire::{Failure, MadeInviteResponse, Success};

use crate::api_error::ApiError;
use crate::manage::MayChangeMembers;
use crate::members::{InvitePath, made_invite};
use crate::state::AppState;

/// Make another link for an invitation; the one before stops working.
#[utoipa::path(
    post, path = "/api/v1/organizations/{orgId}/invites/{id}/resend", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("orgId" = String, Path, description = "The organization"), ("id" = String, Path, description = "The invitation")),
    responses((status = 200, body = Success<MadeInviteResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn resend_invite(
    MayChangeMembers(permit): MayChangeMembers,
    path: InvitePath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let id = path.of(&permit)?;
    let made = state.people.resend(&permit, id).await?;
    Ok(made_invite(&state, &made))
}
