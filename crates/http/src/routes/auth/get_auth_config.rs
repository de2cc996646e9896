//! `GET /api/v1/auth/config`.

use axum::extract::State;
use axum::response::Response;
use wire::{AuthConfigResponse, OidcProviderResponse, Success};

use crate::api_error::success;
use crate::state::{AppState, SignUp};

/// What signing in offers.
#[utoipa::path(
    get, path = "/api/v1/auth/config", tag = "people",
    responses((status = 200, body = Success<AuthConfigResponse>)),
)]
pub(crate) async fn get_auth_config(State(state): State<AppState>) -> Response {
    let services = state.oidc.list();
    success(AuthConfigResponse {
        signup_open: state.config.sign_up == SignUp::Open,
        oidc: services
            .map(|(id, name)| OidcProviderResponse {
                id: id.to_owned(),
                name: name.to_owned(),
            })
            .collect(),
        password_reset: "operator".to_owned(),
    })
}
