//! `/api/v1/tasks`, one operation a file.

mod approve_tool_call;
mod cancel_task;
mod create_task;
mod download_artifact;
mod follow_up_task;
mod get_history;
mod get_task;
mod list_artifacts;
mod list_tasks;
mod stream_task;

use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::download_artifact::download_artifact;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_task::create_task, list_tasks::list_tasks))
        .routes(routes!(get_task::get_task, cancel_task::cancel_task))
        .routes(routes!(stream_task::stream_task))
        .routes(routes!(follow_up_task::follow_up_task))
        .routes(routes!(approve_tool_call::approve_tool_call))
        .routes(routes!(get_history::get_history))
        .routes(routes!(list_artifacts::list_artifacts))
        .routes(routes!(download_artifact::download_artifact))
        // Two more names for it: which one the original service uses is not documented.
        .route("/api/v1/tasks/{id}/artifacts/file", get(download_artifact))
        .route(
            "/api/v1/tasks/{id}/artifacts/content",
            get(download_artifact),
        )
}
