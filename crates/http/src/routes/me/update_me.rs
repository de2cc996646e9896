//! `PATCH /api/v1/me`.

use axum::extract::{Request, State};
use axum::response::Response;
use wire::{Failure, Success, UpdateMeRequest, UserResponse};

use crate::api_error::{ApiError, success};
use crate::attempts::attempt;
use crate::body::Fields;
use crate::console::{Browser, MAX_BODY_BYTES, SignedIn, secret};
use crate::shown::user_response;
use crate::state::AppState;

/// Change the caller's own name or password.
///
/// A new password needs the present one, and ends the caller's other sign-ins.
#[utoipa::path(
    patch, path = "/api/v1/me", tag = "people",
    security(("cookie" = [])),
    request_body = UpdateMeRequest,
    responses((status = 200, body = Success<UserResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn update_me(
    SignedIn(person): SignedIn,
    Browser(device): Browser,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let name = fields.text("name")?;
    let guesses = fields.has("password");
    let password = match guesses {
        false => None,
        true => Some((
            secret(&fields, "currentPassword")?,
            secret(&fields, "password")?,
        )),
    };
    let changed = state
        .sign_ins
        .update(&person, name.as_deref(), password, &device);
    let changed = match guesses {
        true => attempt(&state, &device, changed).await?,
        false => changed.await?,
    };
    Ok(success(user_response(&changed)))
}
