//! `DELETE /api/v1/me/sessions/{id}`.

use axum::extract::State;
use axum::response::Response;
use model::Principal;
use wire::{Failure, RevocationResponse, Success};

use crate::api_error::{ApiError, success};
use crate::console::{Browser, ConsoleSessionPath, SignedIn, people_receipt};
use crate::state::AppState;

/// End one of the caller's own sign-ins, at once.
#[utoipa::path(
    delete, path = "/api/v1/me/sessions/{id}", tag = "people",
    security(("cookie" = [])),
    params(("id" = String, Path, description = "The sign-in")),
    responses((status = 200, body = Success<RevocationResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn end_console_session(
    SignedIn(person): SignedIn,
    Browser(device): Browser,
    ConsoleSessionPath(id): ConsoleSessionPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let streams = state
        .streams
        .count(|by| matches!(by, Principal::Console(person) if person.session_id == id));
    state.sign_ins.end(&person, id, &device).await?;
    Ok(success(people_receipt(&state, 1, streams)))
}
