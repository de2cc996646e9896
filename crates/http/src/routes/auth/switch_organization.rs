//! `POST /api/v1/auth/switch-organization`.

use axum::extract::{Request, State};
use axum::response::Response;
use wire::{Failure, SignedInResponse, Success, SwitchOrganizationRequest};

use crate::api_error::ApiError;
use crate::body::Fields;
use crate::console::{Browser, MAX_BODY_BYTES, SignedIn, signed_in};
use crate::state::AppState;

/// Let the sign-in speak for another organization of the caller.
///
/// The answer sets a new cookie; the one that asked stops working.
#[utoipa::path(
    post, path = "/api/v1/auth/switch-organization", tag = "people",
    security(("cookie" = [])),
    request_body = SwitchOrganizationRequest,
    responses((status = 200, body = Success<SignedInResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn switch_organization(
    SignedIn(person): SignedIn,
    Browser(device): Browser,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let wanted = fields.text("organizationId")?;
    let wanted = wanted.ok_or_else(|| ApiError::invalid("`organizationId` is required"))?;
    let to = wanted
        .parse()
        .map_err(|_| ApiError::not_found("Organization"))?;
    let made = state.sign_ins.switch(&person, to, device).await?;
    Ok(signed_in(&state, &made))
}
