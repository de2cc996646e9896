//! `POST /api/v1/auth/logout`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use wire::{Empty, Failure, Success};

use crate::api_error::{ApiError, success};
use crate::console::{Browser, SignedIn};
use crate::state::AppState;

/// Sign out: the cookie stops working, here and everywhere.
#[utoipa::path(
    post, path = "/api/v1/auth/logout", tag = "people",
    security(("cookie" = [])),
    responses((status = 200, body = Success<Empty>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn logout(
    SignedIn(person): SignedIn,
    Browser(device): Browser,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let ended = state.sign_ins.end(&person, person.session_id, &device);
    match ended.await {
        // Two at once: it has ended all the same.
        Ok(()) | Err(auth::SignInError::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok((state.cookie.clear(), success(Empty {})).into_response())
}
