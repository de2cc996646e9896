//! `POST /api/v1/me/totp`.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use wire::{BegunTotpResponse, Failure, Success};

use crate::api_error::{ApiError, success};
use crate::console::SignedIn;
use crate::state::AppState;

/// Begin to set a second factor up.
///
/// The URL is for an authenticator app and is shown this once; nothing is asked for until it is
/// confirmed.
#[utoipa::path(
    post, path = "/api/v1/me/totp", tag = "people",
    security(("cookie" = [])),
    responses((status = 200, body = Success<BegunTotpResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn begin_totp(
    SignedIn(person): SignedIn,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let url = state.sign_ins.begin_second_factor(person.user_id).await?;
    let body = BegunTotpResponse {
        otpauth_url: url.expose_secret().to_owned(),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], success(body)).into_response())
}
