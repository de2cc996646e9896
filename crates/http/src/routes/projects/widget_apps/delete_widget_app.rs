//! `DELETE /api/v1/projects/{projectId}/widget-apps/{id}`.

use axum::extract::State;
use axum::response::Response;
use tasks::TaskOwner;
use wire::{Failure, RevocationResponse, Success};

use crate::api_error::{ApiError, success};
use crate::manage::{AppPath, Counts, Cut, MayChangeApps, Remaining};
use crate::state::AppState;

/// Delete a widget app with its end users and tokens. Their tasks stay with the project.
#[utoipa::path(
    delete, path = "/api/v1/projects/{projectId}/widget-apps/{id}", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project"), ("id" = String, Path, description = "The widget app"), ("stopTasks" = Option<bool>, Query, description = "`true`: the tasks that it leaves running are cancelled")),
    responses((status = 200, body = Success<RevocationResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn delete_widget_app(
    MayChangeApps(permit): MayChangeApps,
    path: AppPath,
    State(state): State<AppState>,
    remaining: Remaining,
) -> Result<Response, ApiError> {
    let scope = path.scope(&permit)?;
    let cut = Cut {
        organization_id: permit.organization_id(),
        owner: TaskOwner::WidgetApp(scope.id),
    };
    let streams = cut.streams(&state);
    // Disabled first: what runs is looked for while its end users are still known.
    let widgets = state.widgets_by(&permit);
    let sessions = widgets.disable(scope).await?;
    let counts = Counts {
        sessions,
        streams,
        ..Counts::default()
    };
    let receipt = cut.receipt(&state, counts, remaining).await?;
    widgets.delete(scope).await?;
    Ok(success(receipt))
}
