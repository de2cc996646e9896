//! `POST /api/v1/invites/accept`.

use axum::extract::{Request, State};
use axum::response::Response;
use wire::{AcceptInviteRequest, EnteredResponse, Failure, Success};

use crate::api_error::ApiError;
use crate::attempts::attempt;
use crate::body::Fields;
use crate::console::{FromHere, MAX_BODY_BYTES, entered, secret};
use crate::state::AppState;

/// Accept an invitation, and sign in.
///
/// Whoever signs in with its address already gives their password; somebody new chooses one.
#[utoipa::path(
    post, path = "/api/v1/invites/accept", tag = "people",
    request_body = AcceptInviteRequest,
    responses((status = 200, body = Success<EnteredResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn accept_invite(
    FromHere(device): FromHere,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let fields = Fields::read_json(request, MAX_BODY_BYTES).await?;
    let token = fields.text("token")?.unwrap_or_default();
    let name = fields.text("name")?;
    let password = secret(&fields, "password")?;
    let accepted = state
        .people
        .accept(&token, password, name.as_deref(), device.peer);
    let (user, organization) = attempt(&state, &device, accepted).await?;
    let made = state.sign_ins.enter(user, Some(organization), device);
    Ok(entered(&state, &made.await?))
}
