//! `/api/v1/organizations`, one operation a file.

mod audit_log;

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().merge(audit_log::routes())
}
