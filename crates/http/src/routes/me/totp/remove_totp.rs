//! `DELETE /api/v1/me/totp`.

use axum::extract::{Request, State};
use axum::response::Response;
use wire::{Empty, Failure, PasswordRequest, Success};

use crate::api_error::{ApiError, success};
use crate::attempts::attempt;
use crate::body::Fields;
use crate::console::{Browser, MAX_BODY_BYTES, SignedIn, secret};
use crate::state::AppState;

/// Take the second factor away.
///
/// Needs the password. The recovery codes stop working.
#[utoipa::path(
    delete, path = "/api/v1/me/totp", tag = "people",
    security(("cookie" = [])),
    request_body = PasswordRequest,
    responses((status = 200, body = Success<Empty>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn remove_totp(
    SignedIn(person): SignedIn,
    Browser(device): Browser,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let password = secret(&fields, "password")?;
    let removes = state
        .sign_ins
        .remove_second_factor(person.user_id, password, &device);
    attempt(&state, &device, removes).await?;
    Ok(success(Empty {}))
}
