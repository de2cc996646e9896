//! `GET /healthz` and `GET /readyz`.

use axum::extract::State;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wire::{Empty, ErrorCode, Success};

use crate::api_error::{ApiError, success};
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_health))
        .routes(routes!(get_readiness))
}

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = Success<Empty>)))]
async fn get_health() -> Response {
    success(Empty {})
}

/// Whether database, migrations and sandbox self-test are done and the server is not stopping.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, body = Success<Empty>),
    (status = 503, description = "Not ready", body = wire::Failure),
))]
async fn get_readiness(State(state): State<AppState>) -> Result<Response, ApiError> {
    if state.readiness.get() {
        Ok(success(Empty {}))
    } else {
        Err(ErrorCode::ServiceUnavailable.into())
    }
}
