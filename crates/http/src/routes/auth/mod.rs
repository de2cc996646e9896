//! `/api/v1/auth`, one operation a file.

mod create_token;
mod get_auth_config;
mod login;
mod login_mfa;
mod logout;
mod oidc;
mod password;
mod setup;
mod sign_up;
mod switch_organization;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_token::create_token))
        .routes(routes!(get_auth_config::get_auth_config))
        .routes(routes!(login::login))
        .routes(routes!(login_mfa::login_mfa))
        .routes(routes!(logout::logout))
        .routes(routes!(setup::setup))
        .routes(routes!(sign_up::sign_up))
        .routes(routes!(switch_organization::switch_organization))
        .merge(oidc::routes())
        .merge(password::routes())
}
