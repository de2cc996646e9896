//! `PATCH /api/v1/organizations/{orgId}/members/{userId}`.

use axum::extract::{Request, State};
use axum::response::Response;
use wire::{Failure, MemberResponse, Success, UpdateMemberRequest};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::console::MAX_BODY_BYTES;
use crate::manage::MayChangeMembers;
use crate::members::{MemberPath, member_response, projects, role};
use crate::state::AppState;

/// Change what a member is and which projects they may see.
///
/// Their sign-ins that speak for the organization end.
#[utoipa::path(
    patch, path = "/api/v1/organizations/{orgId}/members/{userId}", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("orgId" = String, Path, description = "The organization"), ("userId" = String, Path, description = "The member")),
    request_body = UpdateMemberRequest,
    responses((status = 200, body = Success<MemberResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn update_member(
    MayChangeMembers(permit): MayChangeMembers,
    path: MemberPath,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let user = path.of(&permit)?;
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let (role, projects) = (role(&fields)?, projects(&fields)?);
    let changed = state.people.update_member(&permit, user, role, projects);
    Ok(success(member_response(&changed.await?)))
}
