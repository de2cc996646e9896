//! `GET /api/v1/auth/oidc/{provider}/start`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use wire::Failure;

use crate::api_error::ApiError;
use crate::oidc::{OidcPath, keep_flow, redirect};
use crate::state::AppState;

/// Sign in at another service: sends the browser there.
#[utoipa::path(
    get, path = "/api/v1/auth/oidc/{provider}/start", tag = "people",
    params(("provider" = String, Path, description = "`id` of the service, see `GET /api/v1/auth/config`")),
    responses((status = 302, description = "To the service; sets a short-lived cookie"), (status = "4XX", body = Failure), (status = 503, body = Failure)),
)]
pub(crate) async fn start_oidc_sign_in(
    path: OidcPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let (url, flow) = state.oidc.begin(&path.id, &path.back).await?;
    Ok((keep_flow(&state, &flow), redirect(&url)).into_response())
}
