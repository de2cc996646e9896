//! The URL tree: `/healthz` and `/readyz` in [`health`], `/.well-known` in [`well_known`],
//! `/api/v1/auth` in [`auth`], `/api/v1/invites` in [`invites`], `/api/v1/me` in [`me`], `/api/v1/organizations` in [`organizations`],
//! `/api/v1/projects` in [`projects`], `/api/v1/tasks` in [`tasks`].

mod auth;
mod health;
mod invites;
mod me;
mod organizations;
mod projects;
mod tasks;
mod well_known;

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

/// Every route.
pub(crate) fn all() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(health::routes())
        .merge(well_known::routes())
        .merge(auth::routes())
        .merge(me::routes())
        .merge(organizations::routes())
        .merge(invites::routes())
        .merge(projects::routes())
        .merge(tasks::routes())
}
