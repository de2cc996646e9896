//! `PATCH /api/v1/me`.

use axum::extract::{Request, State};
use axum::response::Response;
use wire::{Failure, Success, UpdateMeRequest, UserResponse};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::console::{MAX_BODY_BYTES, SignedIn, secret};
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
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let name = fields.text("name")?;
    let password = match fields.has("password") {
        false => None,
        true => Some((
            secret(&fields, "currentPassword")?,
            secret(&fields, "password")?,
        )),
    };
    let changed = state.sign_ins.update(&person, name.as_deref(), password);
    Ok(success(user_response(&changed.await?)))
}
