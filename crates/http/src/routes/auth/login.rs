//! `POST /api/v1/auth/login`.

use axum::extract::{Request, State};
use axum::response::Response;
use wire::{EnteredResponse, Failure, LoginRequest, Success};

use crate::api_error::ApiError;
use crate::attempts::attempt;
use crate::body::Fields;
use crate::console::{FromHere, MAX_BODY_BYTES, entered, secret};
use crate::state::AppState;

/// Sign in with a password.
///
/// The answer sets the session cookie. An unknown address and a wrong password are one answer. Who has a second factor
/// gets no cookie but a token that goes with a code.
#[utoipa::path(
    post, path = "/api/v1/auth/login", tag = "people",
    request_body = LoginRequest,
    responses((status = 200, body = Success<EnteredResponse>), (status = "4XX", body = Failure)),
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
    Ok(entered(&state, &made))
}
