//! `POST /api/v1/organizations`.

use axum::extract::{Request, State};
use axum::response::Response;
use model::{Actor, Caller, Role};
use wire::{ErrorCode, Failure, OrganizationRequest, OrganizationResponse, Success};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::console::{Browser, MAX_BODY_BYTES, SignedIn};
use crate::state::{AppState, SignUp};

/// Make an organization with its default project; the caller owns it. Where sign-up is closed only
/// owners and admins of another may: a new one has caps of its own.
#[utoipa::path(
    post, path = "/api/v1/organizations", tag = "people",
    security(("cookie" = [])),
    request_body = OrganizationRequest,
    responses((status = 200, body = Success<OrganizationResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn create_organization(
    SignedIn(person): SignedIn,
    Browser(device): Browser,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let may = state.config.sign_up == SignUp::Open
        || person
            .membership
            .as_ref()
            .is_some_and(|membership| membership.role >= Role::Admin);
    if !may {
        return Err(ErrorCode::Forbidden.into());
    }
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let name = fields.text("name")?.unwrap_or_default();
    let caller = Caller {
        actor: Actor::User {
            id: person.user_id,
            email: person.email,
        },
        ip: device.peer,
    };
    let made = state
        .people
        .create_organization(person.user_id, &name, caller);
    Ok(success(OrganizationResponse {
        id: made.await?.to_string(),
        name: name.trim().to_owned(),
        role: Role::Owner.as_str().to_owned(),
    }))
}
