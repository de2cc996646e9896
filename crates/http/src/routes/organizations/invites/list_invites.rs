//! `GET /api/v1/organizations/{orgId}/invites`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use wire::{Failure, InviteResponse, Paged};

use crate::api_error::{ApiError, json};
use crate::manage::{MayChangeMembers, OrganizationPath};
use crate::members::invite_response;
use crate::query::Parameters;
use crate::state::AppState;

/// List the invitations that were not used, the latest first.
#[utoipa::path(
    get, path = "/api/v1/organizations/{orgId}/invites", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("orgId" = String, Path, description = "The organization"), ("limit" = Option<i64>, Query, description = "Items at most"), ("offset" = Option<i64>, Query, description = "Items before the first")),
    responses((status = 200, body = Paged<InviteResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn list_invites(
    MayChangeMembers(permit): MayChangeMembers,
    path: OrganizationPath,
    State(state): State<AppState>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    path.of(&permit)?;
    let invites = state.people.invites(&permit).await?;
    let shown = invites.iter().map(invite_response).collect();
    Ok(json(&parameters.page(shown)?).into_response())
}
