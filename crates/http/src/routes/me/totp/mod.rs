//! `/api/v1/me/totp`, one operation a file.

mod begin_totp;
mod confirm_totp;
mod get_totp;
mod remove_totp;
mod renew_recovery_codes;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(
            get_totp::get_totp,
            begin_totp::begin_totp,
            remove_totp::remove_totp
        ))
        .routes(routes!(confirm_totp::confirm_totp))
        .routes(routes!(renew_recovery_codes::renew_recovery_codes))
}
