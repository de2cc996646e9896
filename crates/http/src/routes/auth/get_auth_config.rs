//! `GET /api/v1/auth/config`.

use axum::response::Response;
use wire::{AuthConfigResponse, Success};

use crate::api_error::success;

/// What signing in offers.
#[utoipa::path(
    get, path = "/api/v1/auth/config", tag = "people",
    responses((status = 200, body = Success<AuthConfigResponse>)),
)]
pub(crate) async fn get_auth_config() -> Response {
    success(AuthConfigResponse {
        signup_open: false,
        oidc: Vec::new(),
        password_reset: "operator".to_owned(),
    })
}
