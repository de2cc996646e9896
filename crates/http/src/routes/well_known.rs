//! `GET /.well-known/jwks.json`.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api_error::{ApiError, json as json_body};
use crate::state::AppState;

/// How long others may keep the set: less than a key is published before it signs.
const CACHE: &str = "public, max-age=300";

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_signing_keys))
}

/// The public keys that tokens are signed with, as a JSON Web Key Set.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "auth",
    responses((status = 200, description = "The set, in no envelope", body = serde_json::Value)),
)]
async fn get_signing_keys(State(state): State<AppState>) -> Result<Response, ApiError> {
    let set = match &state.signing {
        Some(keys) => keys
            .public_set()
            .await
            .map_err(|error| ApiError::internal("read the signing keys", &error))?,
        None => json!({"keys": []}),
    };
    Ok(([(header::CACHE_CONTROL, CACHE)], json_body(&set)).into_response())
}
