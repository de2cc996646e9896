//! `GET /api/v1/organizations/{orgId}/usage`.

use axum::extract::State;
use axum::response::Response;
use model::Timestamp;
use tenancy::{UsageGroup, UsageRow, dollars};
use wire::{Failure, Success, UsageNumbers, UsageResponse, UsageRowResponse};

use crate::api_error::{ApiError, success};
use crate::manage::{MaySeeUsage, OrganizationPath};
use crate::query::Parameters;
use crate::state::AppState;

/// What the organization used.
#[utoipa::path(
    get, path = "/api/v1/organizations/{orgId}/usage", tag = "settings",
    security(("bearer" = []), ("apiKey" = [])),
    params(("orgId" = String, Path, description = "The organization"), ("from" = Option<String>, Query, description = "The first day (UTC), as in 2027-01-31; default the first of this month"), ("to" = Option<String>, Query, description = "The last day; default today"), ("groupBy" = Option<String>, Query, description = "`day` (default), `project`, `apiKey`, `model` or `endUser`")),
    responses((status = 200, body = Success<UsageResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn get_usage(
    MaySeeUsage(permit): MaySeeUsage,
    path: OrganizationPath,
    State(state): State<AppState>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let organization_id = path.of(&permit)?;
    let now = state.clock.now();
    let from = day(&parameters, "from")?.or_else(|| first_of_month(now));
    let to = day(&parameters, "to")?.unwrap_or(now);
    let report = state
        .usage
        .report(
            organization_id,
            permit.projects(),
            group(&parameters)?,
            (from.unwrap_or(now), to),
        )
        .await?;
    let row = |row: &UsageRow| UsageRowResponse {
        key: row.key.clone(),
        numbers: numbers(row),
    };
    Ok(success(UsageResponse {
        rows: report.rows.iter().map(row).collect(),
        totals: numbers(&report.totals),
    }))
}

fn day(parameters: &Parameters, name: &str) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = parameters.get(name) else {
        return Ok(None);
    };
    let moment = Timestamp::parse_iso(&format!("{text}T00:00:00Z"));
    let day = moment.filter(|moment| moment.to_string().starts_with(text));
    day.map(Some)
        .ok_or_else(|| ApiError::invalid(format!("`{name}` must be a day such as 2027-01-31")))
}

fn first_of_month(now: Timestamp) -> Option<Timestamp> {
    let month: String = now.to_string().chars().take(7).collect();
    Timestamp::parse_iso(&format!("{month}-01T00:00:00Z"))
}

fn group(parameters: &Parameters) -> Result<UsageGroup, ApiError> {
    match parameters.get("groupBy") {
        None | Some("day") => Ok(UsageGroup::Day),
        Some("project") => Ok(UsageGroup::Project),
        Some("apiKey") => Ok(UsageGroup::ApiKey),
        Some("model") => Ok(UsageGroup::Model),
        Some("endUser") => Ok(UsageGroup::EndUser),
        Some(_) => Err(ApiError::invalid(
            "`groupBy` must be `day`, `project`, `apiKey`, `model` or `endUser`",
        )),
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds, for people")]
fn numbers(row: &UsageRow) -> UsageNumbers {
    UsageNumbers {
        tasks: row.tasks,
        input_tokens: row.input_tokens,
        output_tokens: row.output_tokens,
        cached_tokens: row.cached_tokens,
        tool_calls: row.tool_calls,
        sandbox_seconds: row.sandbox_ms as f64 / 1_000.0,
        cost_usd: dollars(row.cost_nanousd),
    }
}
