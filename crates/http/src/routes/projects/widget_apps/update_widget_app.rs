//! `PATCH /api/v1/projects/{projectId}/widget-apps/{id}`.

use axum::extract::{Request, State};
use axum::response::Response;
use tenancy::{TenantStatus, WidgetChange};
use wire::{Failure, Success, WidgetAppRequest, WidgetAppResponse};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::manage::{AppPath, MayChangeApps};
use crate::shown::app_response;
use crate::state::AppState;

/// Change a widget app. Its tokens see that from the answer on.
#[utoipa::path(
    patch, path = "/api/v1/projects/{projectId}/widget-apps/{id}", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("projectId" = String, Path, description = "The project"), ("id" = String, Path, description = "The widget app")),
    request_body = WidgetAppRequest,
    responses((status = 200, body = Success<WidgetAppResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn update_widget_app(
    MayChangeApps(permit): MayChangeApps,
    path: AppPath,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let scope = path.scope(&permit)?;
    state.widgets.get(scope).await?;
    let fields = Fields::read_json(request, state.config.max_body_bytes).await?;
    let app = state
        .widgets_by(&permit)
        .update(scope, change(&fields)?)
        .await?;
    Ok(success(app_response(&app)))
}

fn change(fields: &Fields) -> Result<WidgetChange, ApiError> {
    let status = |enabled| {
        if enabled {
            TenantStatus::Active
        } else {
            TenantStatus::Disabled
        }
    };
    Ok(WidgetChange {
        name: fields.text("name")?,
        allowed_origins: fields.texts("allowedOrigins")?,
        allow_null_origin: fields.truth("allowNullOrigin")?,
        require_origin: fields.truth("requireOrigin")?,
        status: fields.truth("enabled")?.map(status),
        theme: if fields.is_null("theme") {
            Some(None)
        } else {
            fields.value("theme").cloned().map(Some)
        },
    })
}
