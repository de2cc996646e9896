//! `POST /api/v1/auth/password/reset`.

use axum::extract::{Request, State};
use axum::response::Response;
use wire::{Empty, Failure, ResetPasswordRequest, Success};

use crate::api_error::{ApiError, success};
use crate::attempts::attempt;
use crate::body::Fields;
use crate::console::{FromHere, MAX_BODY_BYTES, secret};
use crate::state::AppState;

/// Choose a new password with a one-time link, without signing in.
#[utoipa::path(
    post, path = "/api/v1/auth/password/reset", tag = "people",
    request_body = ResetPasswordRequest,
    responses((status = 200, body = Success<Empty>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn reset_password(
    FromHere(device): FromHere,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let token = fields.text("token")?.unwrap_or_default();
    let password = secret(&fields, "password")?;
    let used = state.sign_ins.use_link(&token, password, None, &device);
    attempt(&state, &device, used).await?;
    Ok(success(Empty {}))
}
