//! `GET /api/v1/organizations/{orgId}/members`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use wire::{Failure, MemberResponse, Paged};

use crate::api_error::{ApiError, json};
use crate::manage::{MaySeeMembers, OrganizationPath};
use crate::members::member_response;
use crate::query::Parameters;
use crate::state::AppState;

/// List the members, the first first.
#[utoipa::path(
    get, path = "/api/v1/organizations/{orgId}/members", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("orgId" = String, Path, description = "The organization"), ("limit" = Option<i64>, Query, description = "Items at most"), ("offset" = Option<i64>, Query, description = "Items before the first")),
    responses((status = 200, body = Paged<MemberResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn list_members(
    MaySeeMembers(permit): MaySeeMembers,
    path: OrganizationPath,
    State(state): State<AppState>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    path.of(&permit)?;
    let members = state.people.members(&permit).await?;
    let shown = members.iter().map(member_response).collect();
    Ok(json(&parameters.page(shown)?).into_response())
}
