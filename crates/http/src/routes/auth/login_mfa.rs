//! `POST /api/v1/auth/login/mfa`.

use axum::extract::{Request, State};
use axum::response::Response;
use wire::{Failure, LoginMfaRequest, SignedInResponse, Success};

use crate::api_error::ApiError;
use crate::attempts::attempt;
use crate::body::Fields;
use crate::console::{FromHere, MAX_BODY_BYTES, signed_in};
use crate::state::AppState;

/// Give the code that a sign-in lacks: of the device, or a recovery code.
///
/// The answer sets the session cookie. Each code works once.
#[utoipa::path(
    post, path = "/api/v1/auth/login/mfa", tag = "people",
    request_body = LoginMfaRequest,
    responses((status = 200, body = Success<SignedInResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn login_mfa(
    FromHere(device): FromHere,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let token = fields.text("mfaToken")?.unwrap_or_default();
    let code = fields.text("code")?.unwrap_or_default();
    let completes = state.sign_ins.complete(&token, &code, device.clone());
    let made = attempt(&state, &device, completes).await?;
    Ok(signed_in(&state, &made))
}
