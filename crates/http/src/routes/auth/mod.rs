//! `/api/v1/auth`, one operation a file.

mod create_token;
mod login;
mod logout;
mod setup;
mod switch_organization;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_token::create_token))
        .routes(routes!(login::login))
        .routes(routes!(logout::logout))
        .routes(routes!(setup::setup))
        .routes(routes!(switch_organization::switch_organization))
}
