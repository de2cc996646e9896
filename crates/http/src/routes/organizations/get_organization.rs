//! `GET /api/v1/organizations/{orgId}`.

use axum::extract::State;
use axum::response::Response;
use wire::{Failure, OrganizationResponse, Success};

use crate::api_error::{ApiError, success};
use crate::console::SignedIn;
use crate::manage::{MaySeeMembers, OrganizationPath};
use crate::state::AppState;

/// Get the organization.
#[utoipa::path(
    get, path = "/api/v1/organizations/{orgId}", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("orgId" = String, Path, description = "The organization")),
    responses((status = 200, body = Success<OrganizationResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn get_organization(
    MaySeeMembers(permit): MaySeeMembers,
    SignedIn(person): SignedIn,
    path: OrganizationPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let id = path.of(&permit)?;
    let profile = state.sign_ins.profile(person.user_id).await?;
    let mut organizations = profile.organizations.into_iter();
    let found = organizations.find(|organization| organization.id == id);
    let organization = found.ok_or_else(|| ApiError::not_found("Organization"))?;
    Ok(success(OrganizationResponse {
        id: organization.id.to_string(),
        name: organization.name,
        role: organization.role.as_str().to_owned(),
    }))
}
