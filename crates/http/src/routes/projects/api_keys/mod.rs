//! `/api/v1/projects/{projectId}/api-keys`, one operation a file.

mod create_api_key;
mod get_api_key_usage;
mod list_api_keys;
mod revoke_api_key;
mod rotate_api_key;
mod update_api_key;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(
            list_api_keys::list_api_keys,
            create_api_key::create_api_key
        ))
        .routes(routes!(
            update_api_key::update_api_key,
            revoke_api_key::revoke_api_key
        ))
        .routes(routes!(rotate_api_key::rotate_api_key))
        .routes(routes!(get_api_key_usage::get_api_key_usage))
}
