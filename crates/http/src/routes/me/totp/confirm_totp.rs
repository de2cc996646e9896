//! `POST /api/v1/me/totp/confirm`.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use wire::{ConfirmTotpRequest, Failure, RecoveryCodesResponse, Success};

use crate::api_error::ApiError;
use crate::attempts::attempt;
use crate::body::Fields;
use crate::console::{Browser, MAX_BODY_BYTES, SignedIn};
use crate::shown::shown_codes;
use crate::state::AppState;

/// Confirm a second factor by a code of the device.
///
/// From then on it is asked for. The recovery codes are shown this once; the cookie is a new one.
#[utoipa::path(
    post, path = "/api/v1/me/totp/confirm", tag = "people",
    security(("cookie" = [])),
    request_body = ConfirmTotpRequest,
    responses((status = 200, body = Success<RecoveryCodesResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn confirm_totp(
    SignedIn(person): SignedIn,
    Browser(device): Browser,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let code = fields.text("code")?.unwrap_or_default();
    let confirms = state
        .sign_ins
        .confirm_second_factor(&person, &code, device.clone());
    let (made, codes) = attempt(&state, &device, confirms).await?;
    Ok((state.cookie.set(&made.token), shown_codes(&codes)).into_response())
}
