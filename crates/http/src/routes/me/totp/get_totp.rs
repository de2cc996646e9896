//! `GET /api/v1/me/totp`.

use axum::extract::State;
use axum::response::Response;
use wire::{Failure, Success, TotpResponse};

use crate::api_error::{ApiError, success};
use crate::console::SignedIn;
use crate::state::AppState;

/// Whether the caller has a second factor, and how many recovery codes are left.
///
/// A second factor that was never confirmed is none.
#[utoipa::path(
    get, path = "/api/v1/me/totp", tag = "people",
    security(("cookie" = [])),
    responses((status = 200, body = Success<TotpResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn get_totp(
    SignedIn(person): SignedIn,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let state = state.sign_ins.second_factor(person.user_id).await?;
    Ok(success(TotpResponse {
        enabled: state.enabled,
        recovery_codes_left: state.recovery_codes,
    }))
}
