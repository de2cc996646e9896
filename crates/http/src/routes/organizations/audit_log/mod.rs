//! `/api/v1/organizations/{orgId}/audit-log`, one operation a file.

mod export_audit_log;
mod list_audit_log;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_audit_log::list_audit_log))
        .routes(routes!(export_audit_log::export_audit_log))
}
