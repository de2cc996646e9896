//! `/api/v1/organizations/{orgId}/invites`, one operation a file.

mod create_invite;
mod delete_invite;
mod list_invites;
mod resend_invite;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(
            list_invites::list_invites,
            create_invite::create_invite
        ))
        .routes(routes!(delete_invite::delete_invite))
        .routes(routes!(resend_invite::resend_invite))
}
