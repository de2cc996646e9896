//! `GET /api/v1/organizations`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use wire::{Failure, OwnOrganizationResponse, Paged};

use crate::api_error::{ApiError, json};
use crate::console::SignedIn;
use crate::query::Parameters;
use crate::shown::own_organization_response;
use crate::state::AppState;

/// List the organizations that the caller belongs to, the first first.
#[utoipa::path(
    get, path = "/api/v1/organizations", tag = "people",
    security(("cookie" = [])),
    params(("limit" = Option<i64>, Query, description = "Items at most"), ("offset" = Option<i64>, Query, description = "Items before the first")),
    responses((status = 200, body = Paged<OwnOrganizationResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn list_organizations(
    SignedIn(person): SignedIn,
    State(state): State<AppState>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let profile = state.sign_ins.profile(person.user_id).await?;
    let shown = profile.organizations.iter().map(own_organization_response);
    Ok(json(&parameters.page(shown.collect())?).into_response())
}
