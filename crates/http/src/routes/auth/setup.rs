//! `POST /api/v1/auth/setup`.

use axum::extract::{Request, State};
use axum::response::Response;
use wire::{EnteredResponse, Failure, SetupRequest, Success};

use crate::api_error::ApiError;
use crate::attempts::attempt;
use crate::body::Fields;
use crate::console::{FromHere, MAX_BODY_BYTES, entered, secret};
use crate::state::AppState;

/// Choose a password with a one-time link, and sign in.
///
/// The link dies, and whoever was signed in as this person is not any more. A link that is unknown, used or expired is 404.
#[utoipa::path(
    post, path = "/api/v1/auth/setup", tag = "people",
    request_body = SetupRequest,
    responses((status = 200, body = Success<EnteredResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn setup(
    FromHere(device): FromHere,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let token = fields.text("token")?.unwrap_or_default();
    let name = fields.text("name")?;
    let password = secret(&fields, "password")?;
    let used = state
        .sign_ins
        .use_link(&token, password, name.as_deref(), &device);
    let user = attempt(&state, &device, used).await?;
    let made = state.sign_ins.enter(user, None, device).await?;
    Ok(entered(&state, &made))
}
