//! `/api/v1/invites`, one operation a file.

mod accept_invite;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(accept_invite::accept_invite))
}
