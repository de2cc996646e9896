//! `POST /api/v1/organizations/{orgId}/invites`.

use axum::extract::{Request, State};
use axum::response::Response;
use tenancy::NewInvite;
use wire::{Failure, InviteRequest, MadeInviteResponse, Success};

use crate::api_error::ApiError;
use crate::body::Fields;
use crate::console::MAX_BODY_BYTES;
use crate::manage::{MayChangeMembers, OrganizationPath};
use crate::members::{made_invite, projects, role};
use crate::state::AppState;

/// Invite somebody. The answer is the only one that holds the link.
///
/// An older invitation to the same address stops working.
#[utoipa::path(
    post, path = "/api/v1/organizations/{orgId}/invites", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("orgId" = String, Path, description = "The organization")),
    request_body = InviteRequest,
    responses((status = 200, body = Success<MadeInviteResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn create_invite(
    MayChangeMembers(permit): MayChangeMembers,
    path: OrganizationPath,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    path.of(&permit)?;
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let new = NewInvite {
        email: fields.text("email")?.unwrap_or_default(),
        role: role(&fields)?.ok_or_else(|| ApiError::invalid("`role` is required"))?,
        projects: projects(&fields)?,
    };
    let made = state.people.invite(&permit, new).await?;
    Ok(made_invite(&state, &made))
}
