//! `/api/v1/me`, one operation a file.

mod end_console_session;
mod get_me;
mod list_console_sessions;
mod totp;
mod update_me;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_me::get_me, update_me::update_me))
        .routes(routes!(list_console_sessions::list_console_sessions))
        .routes(routes!(end_console_session::end_console_session))
        .merge(totp::routes())
}
