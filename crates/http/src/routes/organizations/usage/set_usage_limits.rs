//! `PUT /api/v1/organizations/{orgId}/usage/limits`.

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::Value;
use tenancy::{UsageCaps, nanousd};
use wire::{Failure, Success, UsageLimits};

use super::get_usage_limits::shown;
use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::manage::{MayChangeLimits, OrganizationPath};
use crate::state::AppState;

/// Set how much the organization may use in a month. What is absent is unlimited.
#[utoipa::path(
    put, path = "/api/v1/organizations/{orgId}/usage/limits", tag = "settings",
    security(("bearer" = []), ("apiKey" = [])),
    params(("orgId" = String, Path, description = "The organization")),
    request_body = UsageLimits,
    responses((status = 200, body = Success<UsageLimits>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn set_usage_limits(
    MayChangeLimits(permit): MayChangeLimits,
    path: OrganizationPath,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let organization_id = path.of(&permit)?;
    let fields = Fields::read_json(request, state.config.max_body_bytes).await?;
    let caps = caps(&fields)?;
    let usage = state.usage_by(&permit);
    usage.set_caps(organization_id, caps).await?;
    Ok(success(shown(caps)))
}

fn caps(fields: &Fields) -> Result<UsageCaps, ApiError> {
    let count = |name: &str| {
        let number = fields.number(name)?;
        match number {
            Some(number) if number < 0 => Err(ApiError::invalid(format!(
                "`{name}` must be a whole number, 0 or more"
            ))),
            number => Ok(number),
        }
    };
    let cost = fields.value("monthlyCostUsd").map(|value| {
        let cost = Value::as_f64(value).and_then(nanousd);
        cost.ok_or_else(|| ApiError::invalid("`monthlyCostUsd` must be a number, 0 to 10^9"))
    });
    Ok(UsageCaps {
        monthly_tasks: count("monthlyTasks")?,
        monthly_tokens: count("monthlyTokens")?,
        monthly_cost_nanousd: cost.transpose()?,
    })
}
