//! `/api/v1/organizations/{orgId}/usage` and `…/prices`, one operation a file.

mod get_prices;
mod get_usage;
mod get_usage_limits;
mod set_prices;
mod set_usage_limits;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_usage::get_usage))
        .routes(routes!(
            get_usage_limits::get_usage_limits,
            set_usage_limits::set_usage_limits
        ))
        .routes(routes!(get_prices::get_prices, set_prices::set_prices))
}
