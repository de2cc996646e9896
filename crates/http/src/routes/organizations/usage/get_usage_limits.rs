//! `GET /api/v1/organizations/{orgId}/usage/limits`.

use axum::extract::State;
use axum::response::Response;
use tenancy::{UsageCaps, dollars};
use wire::{Failure, Success, UsageLimits};

use crate::api_error::{ApiError, success};
use crate::manage::{MaySeeUsage, OrganizationPath};
use crate::state::AppState;

/// How much the organization may use in a month.
#[utoipa::path(
    get, path = "/api/v1/organizations/{orgId}/usage/limits", tag = "settings",
    security(("bearer" = []), ("apiKey" = [])),
    params(("orgId" = String, Path, description = "The organization")),
    responses((status = 200, body = Success<UsageLimits>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn get_usage_limits(
    MaySeeUsage(permit): MaySeeUsage,
    path: OrganizationPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let caps = state.usage.caps(path.of(&permit)?).await?;
    Ok(success(shown(caps)))
}

/// Caps as they look outside.
pub(super) fn shown(caps: UsageCaps) -> UsageLimits {
    UsageLimits {
        monthly_tasks: caps.monthly_tasks,
        monthly_tokens: caps.monthly_tokens,
        monthly_cost_usd: caps.monthly_cost_nanousd.map(dollars),
    }
}
