//! `/api/v1/projects/{projectId}/widget-apps`, one operation a file.

mod block_end_user;
mod create_widget_app;
mod delete_widget_app;
mod get_widget_app;
mod list_widget_apps;
mod list_widget_sessions;
mod revoke_end_user;
mod revoke_widget_session;
mod rotate_widget_app_secret;
mod unblock_end_user;
mod update_widget_app;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(
            list_widget_apps::list_widget_apps,
            create_widget_app::create_widget_app
        ))
        .routes(routes!(
            get_widget_app::get_widget_app,
            update_widget_app::update_widget_app,
            delete_widget_app::delete_widget_app
        ))
        .routes(routes!(rotate_widget_app_secret::rotate_widget_app_secret))
        .routes(routes!(list_widget_sessions::list_widget_sessions))
        .routes(routes!(revoke_widget_session::revoke_widget_session))
        .routes(routes!(revoke_end_user::revoke_end_user))
        .routes(routes!(block_end_user::block_end_user))
        .routes(routes!(unblock_end_user::unblock_end_user))
}
