//! `/api/v1/organizations`, one operation a file.

mod audit_log;
mod create_organization;
mod get_organization;
mod invites;
mod list_organizations;
mod members;
mod update_organization;
mod usage;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(
            list_organizations::list_organizations,
            create_organization::create_organization
        ))
        .routes(routes!(
            get_organization::get_organization,
            update_organization::update_organization
        ))
        .merge(audit_log::routes())
        .merge(members::routes())
        .merge(invites::routes())
        .merge(usage::routes())
}
