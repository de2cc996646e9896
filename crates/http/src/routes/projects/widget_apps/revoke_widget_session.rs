//! `DELETE /api/v1/projects/{projectId}/widget-apps/{id}/sessions/{sid}`.

use axum::extract::State;
use axum::response::Response;
use model::{Principal, WidgetSessionId};
use tasks::TaskOwner;
use wire::{Failure, RevocationResponse, Success};

use crate::api_error::{ApiError, success};
use crate::manage::{AppPath, Counts, Cut, MayChangeApps, Remaining, SessionPath};
use crate::state::AppState;

/// Cut one token off, at once.
#[utoipa::path(
    delete, path = "/api/v1/projects/{projectId}/widget-apps/{id}/sessions/{sid}", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project"), ("id" = String, Path, description = "The widget app"), ("sid" = String, Path, description = "The token's `sid`"), ("stopTasks" = Option<bool>, Query, description = "`true`: the tasks that it leaves running are cancelled")),
    responses((status = 200, body = Success<RevocationResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn revoke_widget_session(
    MayChangeApps(permit): MayChangeApps,
    app: AppPath,
    SessionPath(session): SessionPath,
    State(state): State<AppState>,
    remaining: Remaining,
) -> Result<Response, ApiError> {
    let streams = state.streams.count(|by| is_session(by, session));
    let cut_off = state
        .widgets_by(&permit)
        .revoke_session(app.scope(&permit)?, session)
        .await?;
    let cut = Cut {
        organization_id: permit.organization_id(),
        owner: TaskOwner::EndUser(cut_off.end_user_id),
    };
    let counts = Counts {
        sessions: cut_off.sessions,
        streams,
        ..Counts::default()
    };
    Ok(success(cut.receipt(&state, counts, remaining).await?))
}

fn is_session(by: &Principal, session: WidgetSessionId) -> bool {
    match by {
        Principal::EndUser(user) => user.session_id == session,
        Principal::ApiKey(_) | Principal::Console(_) => false,
    }
}
