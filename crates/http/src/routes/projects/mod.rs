//! `/api/v1/projects`, one operation a file.

mod api_keys;
mod create_project;
mod delete_project;
mod get_project;
mod list_projects;
mod update_project;
mod widget_apps;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(
            list_projects::list_projects,
            create_project::create_project
        ))
        .routes(routes!(
            get_project::get_project,
            update_project::update_project,
            delete_project::delete_project
        ))
        .merge(api_keys::routes())
        .merge(widget_apps::routes())
}
