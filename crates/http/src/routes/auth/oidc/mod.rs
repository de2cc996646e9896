//! `/api/v1/auth/oidc`, one operation a file. Both are opened by a browser itself, not by a page:
//! they answer redirects.

mod finish_oidc_sign_in;
mod start_oidc_sign_in;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(start_oidc_sign_in::start_oidc_sign_in))
        .routes(routes!(finish_oidc_sign_in::finish_oidc_sign_in))
}
