//! `/api/v1/organizations/{orgId}/members`, one operation a file.

mod list_members;
mod remove_member;
mod update_member;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_members::list_members))
        .routes(routes!(
            update_member::update_member,
            remove_member::remove_member
        ))
}
