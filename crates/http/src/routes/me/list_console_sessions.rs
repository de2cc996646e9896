//! `GET /api/v1/me/sessions`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use wire::{ConsoleSessionResponse, Failure, Paged};

use crate::api_error::{ApiError, json};
use crate::console::SignedIn;
use crate::query::Parameters;
use crate::shown::console_session_response;
use crate::state::AppState;

/// List the caller's own sign-ins that work, latest first.
#[utoipa::path(
    get, path = "/api/v1/me/sessions", tag = "people",
    security(("cookie" = [])),
    params(("limit" = Option<i64>, Query, description = "Items at most"), ("offset" = Option<i64>, Query, description = "Items before the first")),
    responses((status = 200, body = Paged<ConsoleSessionResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn list_console_sessions(
    SignedIn(person): SignedIn,
    State(state): State<AppState>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let listed = state.sign_ins.list(person.user_id).await?;
    let shown = listed
        .iter()
        .map(|session| console_session_response(session, person.session_id));
    Ok(json(&parameters.page(shown.collect())?).into_response())
}
