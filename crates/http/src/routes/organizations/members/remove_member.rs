//! `DELETE /api/v1/organizations/{orgId}/members/{userId}`.

use axum::extract::State;
use axum::response::Response;
use model::Principal;
use wire::{Failure, RevocationResponse, Success};

use crate::api_error::{ApiError, success};
use crate::console::people_receipt;
use crate::manage::MayChangeMembers;
use crate::members::MemberPath;
use crate::state::AppState;

/// Remove a member: what they do for the organization ends at once.
#[utoipa::path(
    delete, path = "/api/v1/organizations/{orgId}/members/{userId}", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("orgId" = String, Path, description = "The organization"), ("userId" = String, Path, description = "The member")),
    responses((status = 200, body = Success<RevocationResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn remove_member(
    MayChangeMembers(permit): MayChangeMembers,
    path: MemberPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let user = path.of(&permit)?;
    let organization = permit.organization_id();
    let streams = state.streams.count(|by| match by {
        Principal::Console(person) => {
            let speaks_for = person.membership.as_ref().map(|own| own.organization_id);
            person.user_id == user && speaks_for == Some(organization)
        }
        Principal::ApiKey(_) | Principal::EndUser(_) => false,
    });
    let ended = state.people.remove_member(&permit, user).await?;
    let ended = usize::try_from(ended).unwrap_or(usize::MAX);
    Ok(success(people_receipt(&state, ended, streams)))
}
