//! `GET /api/v1/me`.

use axum::extract::State;
use axum::response::Response;
use wire::{Failure, SignedInResponse, Success};

use crate::api_error::{ApiError, success};
use crate::console::SignedIn;
use crate::shown::signed_in_response;
use crate::state::AppState;

/// Who has signed in, and for which organization the sign-in speaks.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "people",
    security(("cookie" = [])),
    responses((status = 200, body = Success<SignedInResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn get_me(
    SignedIn(person): SignedIn,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let profile = state.sign_ins.profile(person.user_id).await?;
    let speaks_for = person
        .membership
        .map(|membership| membership.organization_id);
    let body = signed_in_response(&profile.user, speaks_for, &profile.organizations);
    Ok(success(body))
}
