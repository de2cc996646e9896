//! The URL tree: `/healthz` and `/readyz` in [`health`], `/api/v1/tasks` in [`tasks`].

mod health;
mod tasks;

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

/// Every route.
pub(crate) fn all() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(health::routes())
        .merge(tasks::routes())
}
