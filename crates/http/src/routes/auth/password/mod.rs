//! `/api/v1/auth/password`, one operation a file.

mod forgot_password;
mod reset_password;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(forgot_password::forgot_password))
        .routes(routes!(reset_password::reset_password))
}
