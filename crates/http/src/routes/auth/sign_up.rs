//! `POST /api/v1/auth/signup`.

use axum::extract::{Request, State};
use axum::response::Response;
use tenancy::NewAccount;
use wire::{Empty, ErrorCode, Failure, SignUpRequest, Success};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::console::{FromHere, MAX_BODY_BYTES, secret};
use crate::state::{AppState, SignUp};

/// Make an account: a person and an organization that they own, with its default project.
///
/// The answer is the same where somebody has the address already: nothing is made then. Nobody is
/// signed in by it. Where sign-up is closed it is 403.
#[utoipa::path(
    post, path = "/api/v1/auth/signup", tag = "people",
    request_body = SignUpRequest,
    responses((status = 200, body = Success<Empty>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn sign_up(
    FromHere(device): FromHere,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    match state.config.sign_up {
        SignUp::Open => {}
        SignUp::Closed => return Err(closed()),
    }
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let new = NewAccount {
        email: fields.text("email")?.unwrap_or_default(),
        name: fields.text("name")?.unwrap_or_default(),
        organization_name: fields.text("organizationName")?,
        password: secret(&fields, "password")?,
    };
    // Counted whether it is good or not: each makes rows, or finds out about an address.
    let counted = state.limits.attempt(device.peer);
    let counted = counted.map_err(ApiError::limited)?;
    match state.people.sign_up(new, device.peer).await {
        Ok(()) => Ok(success(Empty {})),
        Err(error) => {
            counted.give_back();
            Err(error.into())
        }
    }
}

fn closed() -> ApiError {
    ApiError::new(
        ErrorCode::Forbidden,
        "Accounts are made by invitation on this server",
    )
}
