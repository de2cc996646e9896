//! `GET /api/v1/organizations/{orgId}/prices`.

use axum::extract::State;
use axum::response::Response;
use tenancy::{Price, dollars};
use wire::{Failure, ModelPrice, Prices, Success};

use crate::api_error::{ApiError, success};
use crate::manage::{MaySeeUsage, OrganizationPath};
use crate::state::AppState;

/// What tokens cost the organization.
#[utoipa::path(
    get, path = "/api/v1/organizations/{orgId}/prices", tag = "settings",
    security(("bearer" = []), ("apiKey" = [])),
    params(("orgId" = String, Path, description = "The organization")),
    responses((status = 200, body = Success<Prices>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn get_prices(
    MaySeeUsage(permit): MaySeeUsage,
    path: OrganizationPath,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    let prices = state.usage.prices(path.of(&permit)?).await?;
    Ok(success(shown(&prices)))
}

/// Prices as they look outside.
pub(super) fn shown(prices: &[Price]) -> Prices {
    let price = |price: &Price| ModelPrice {
        model: price.model.clone(),
        input_usd: dollars(price.input_nanousd),
        output_usd: dollars(price.output_nanousd),
        cached_usd: dollars(price.cached_nanousd),
    };
    Prices {
        prices: prices.iter().map(price).collect(),
    }
}
