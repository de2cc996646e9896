//! `POST /api/v1/me/totp/recovery-codes`.

use axum::extract::{Request, State};
use axum::response::Response;
use wire::{Failure, PasswordRequest, RecoveryCodesResponse, Success};

use crate::api_error::ApiError;
use crate::attempts::attempt;
use crate::body::Fields;
use crate::console::{Browser, MAX_BODY_BYTES, SignedIn, secret};
use crate::shown::shown_codes;
use crate::state::AppState;

/// Have other recovery codes made.
///
/// They are shown this once; the ones before stop working.
#[utoipa::path(
    post, path = "/api/v1/me/totp/recovery-codes", tag = "people",
    security(("cookie" = [])),
    request_body = PasswordRequest,
    responses((status = 200, body = Success<RecoveryCodesResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn renew_recovery_codes(
    SignedIn(person): SignedIn,
    Browser(device): Browser,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let password = secret(&fields, "password")?;
    let renews = state
        .sign_ins
        .renew_recovery_codes(person.user_id, password, &device);
    Ok(shown_codes(&attempt(&state, &device, renews).await?))
}
