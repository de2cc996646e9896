//! `POST /api/v1/auth/login`.

use axum::extract::{Request, State};
use axum::response::Response;
use wire::{Failure, LoginRequest, SignedInResponse, Success};

use crate::api_error::ApiError;
use crate::attempts::attempt;
use crate::body::Fields;
use crate::console::{FromHere, MAX_BODY_BYTES, secret, signed_in};
use crate::state::AppState;

/// Sign in with a password.
///
/// The answer sets the session cookie. An unknown address and a wrong password are one answer.
#[utoipa::path(
    post, path = "/api/v1/auth/login", tag = "people",
    request_body = LoginRequest,
    responses((status = 200, body = Success<SignedInResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn login(
    FromHere(device): FromHere,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let email = fields.text("email")?.unwrap_or_default();
    let password = secret(&fields, "password")?;
    let signs_in = state.sign_ins.sign_in(&email, password, device.clone());
    let made = attempt(&state, &device, signs_in).await?;
    Ok(signed_in(&state, &made))
}
