//! `/api/v1/tasks`, one operation a file.

mod approve_tool_call;
mod cancel_task;
mod create_task;
mod follow_up_task;
mod get_history;
mod get_task;
mod list_tasks;
mod stream_task;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_task::create_task, list_tasks::list_tasks))
        .routes(routes!(get_task::get_task, cancel_task::cancel_task))
        .routes(routes!(stream_task::stream_task))
        .routes(routes!(follow_up_task::follow_up_task))
        .routes(routes!(approve_tool_call::approve_tool_call))
        .routes(routes!(get_history::get_history))
}
