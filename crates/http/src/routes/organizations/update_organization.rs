//! `PATCH /api/v1/organizations/{orgId}`.

use axum::extract::{Request, State};
use axum::response::Response;
use model::Role;
use wire::{Failure, OrganizationRequest, OrganizationResponse, Success};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::console::{MAX_BODY_BYTES, SignedIn};
use crate::manage::{MayChangeOrganization, OrganizationPath};
use crate::state::AppState;

/// Rename the organization.
#[utoipa::path(
    patch, path = "/api/v1/organizations/{orgId}", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("orgId" = String, Path, description = "The organization")),
    request_body = OrganizationRequest,
    responses((status = 200, body = Success<OrganizationResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn update_organization(
    MayChangeOrganization(permit): MayChangeOrganization,
    SignedIn(person): SignedIn,
    path: OrganizationPath,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let id = path.of(&permit)?;
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let name = fields.text("name")?.unwrap_or_default();
    let name = state.people.rename(&permit, &name).await?;
    let role = person.membership.map_or(Role::Viewer, |own| own.role);
    Ok(success(OrganizationResponse {
        id: id.to_string(),
        name,
        role: role.as_str().to_owned(),
    }))
}
