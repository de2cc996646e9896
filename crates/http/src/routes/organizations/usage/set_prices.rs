//! `PUT /api/v1/organizations/{orgId}/prices`.

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::Value;
use tenancy::{Price, nanousd};
use wire::{Failure, Prices, Success};

use super::get_prices::shown;
use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::manage::{MayChangePrices, OrganizationPath};
use crate::state::AppState;

/// Put these prices in the place of all that there were. What was booked stays.
#[utoipa::path(
    put, path = "/api/v1/organizations/{orgId}/prices", tag = "settings",
    security(("bearer" = []), ("apiKey" = [])),
    params(("orgId" = String, Path, description = "The organization")),
    request_body = Prices,
    responses((status = 200, body = Success<Prices>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn set_prices(
    MayChangePrices(permit): MayChangePrices,
    path: OrganizationPath,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let organization_id = path.of(&permit)?;
    let fields = Fields::read_json(request, state.config.max_body_bytes).await?;
    let listed = fields.value("prices").and_then(Value::as_array);
    let listed = listed.ok_or_else(|| ApiError::invalid("`prices` must be a list"))?;
    let prices = listed.iter().map(price).collect::<Result<Vec<_>, _>>()?;
    let usage = state.usage_by(&permit);
    usage.set_prices(organization_id, prices.clone()).await?;
    Ok(success(shown(&prices)))
}

fn price(value: &Value) -> Result<Price, ApiError> {
    let wrong = || {
        ApiError::invalid(
            "`prices`: each entry is `{model, inputUsd, outputUsd, cachedUsd}`, a text and three \
             numbers from 0 to 10^9",
        )
    };
    let money = |name: &str| {
        let number = value.get(name).and_then(Value::as_f64);
        number.and_then(nanousd).ok_or_else(wrong)
    };
    let model = value.get("model").and_then(Value::as_str);
    Ok(Price {
        model: model.ok_or_else(wrong)?.to_owned(),
        input_nanousd: money("inputUsd")?,
        output_nanousd: money("outputUsd")?,
        cached_nanousd: money("cachedUsd")?,
    })
}
