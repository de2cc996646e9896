//! What tokens cost an organization.

use model::{OrganizationId, Usage};
use serde_json::{Value, json};

use crate::audit::{AuditAction, ChangedBy, Done, record};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::{Row, params};
use crate::{Error, Store};

/// The prices of a model, in billionths of a US dollar for a million tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// The model, as `provider/model`.
    pub model: String,
    /// Tokens of requests that the provider had not cached.
    pub input_nanousd: i64,
    /// Tokens of answers.
    pub output_nanousd: i64,
    /// Tokens of requests that it had.
    pub cached_nanousd: i64,
}

impl Price {
    fn of(&self, usage: Usage) -> i64 {
        let fresh = usage.input_tokens.saturating_sub(usage.cached_tokens);
        let parts = [
            (fresh, self.input_nanousd),
            (usage.cached_tokens, self.cached_nanousd),
            (usage.output_tokens, self.output_nanousd),
        ];
        let sum: i128 = parts
            .iter()
            .map(|(tokens, price)| i128::from(*tokens) * i128::from(*price))
            .sum();
        i64::try_from(sum / 1_000_000).unwrap_or(i64::MAX)
    }
}

impl Store {
    /// The prices of an organization, by model.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_prices(&self, organization_id: OrganizationId) -> Result<Vec<Price>, Error> {
        self.read("list_prices", Read::Bulk, organization_id, |tx, id| {
            Box::pin(list(tx, *id))
        })
        .await
    }

    /// Puts these prices in the place of all that an organization had. What was booked stays.
    ///
    /// # Errors
    /// [`Error::Duplicate`] for a model that is named twice; [`Error::Unavailable`].
    pub async fn replace_prices(
        &self,
        organization_id: OrganizationId,
        prices: Vec<Price>,
        by: ChangedBy,
    ) -> Result<(), Error> {
        self.write(
            "replace_prices",
            (organization_id, prices, by),
            |tx, (organization, prices, by)| Box::pin(replace(tx, *organization, prices, by)),
        )
        .await
    }
}

/// What this use of a model costs; without a price nothing.
pub(super) async fn cost(
    tx: &mut Tx,
    organization_id: OrganizationId,
    model: &str,
    usage: Usage,
) -> Result<i64, Error> {
    let row = tx
        .query_opt(
            "SELECT model, input_nanousd, output_nanousd, cached_nanousd FROM prices
             WHERE organization_id = $1 AND model = $2",
            params![organization_id, model],
        )
        .await?;
    row.map_or(Ok(0), |row| Ok(read(row)?.of(usage)))
}

fn read(mut row: Row) -> Result<Price, Error> {
    Ok(Price {
        model: row.next("prices.model")?,
        input_nanousd: row.next("prices.input_nanousd")?,
        output_nanousd: row.next("prices.output_nanousd")?,
        cached_nanousd: row.next("prices.cached_nanousd")?,
    })
}

async fn list(tx: &mut Tx, organization_id: OrganizationId) -> Result<Vec<Price>, Error> {
    let rows = tx
        .query(
            "SELECT model, input_nanousd, output_nanousd, cached_nanousd FROM prices
             WHERE organization_id = $1 ORDER BY model",
            params![organization_id],
        )
        .await?;
    rows.into_iter().map(read).collect()
}

async fn replace(
    tx: &mut Tx,
    organization_id: OrganizationId,
    prices: &[Price],
    by: &ChangedBy,
) -> Result<(), Error> {
    let before = facts(&list(tx, organization_id).await?);
    tx.execute(
        "DELETE FROM prices WHERE organization_id = $1",
        params![organization_id],
    )
    .await?;
    for price in prices {
        tx.execute(
            "INSERT INTO prices
                (organization_id, model, input_nanousd, output_nanousd, cached_nanousd)
             VALUES ($1, $2, $3, $4, $5)",
            params![
                organization_id,
                &price.model,
                price.input_nanousd,
                price.output_nanousd,
                price.cached_nanousd,
            ],
        )
        .await?;
    }
    let action = AuditAction::PricesUpdate;
    let done = Done::changed(action, organization_id, before, facts(prices));
    record(tx, Some(organization_id), by, &done).await
}

/// Prices by model.
fn facts(prices: &[Price]) -> Value {
    let fact = |price: &Price| {
        let facts = json!({
            "inputNanoUsd": price.input_nanousd,
            "outputNanoUsd": price.output_nanousd,
            "cachedNanoUsd": price.cached_nanousd,
        });
        (price.model.clone(), facts)
    };
    Value::Object(prices.iter().map(fact).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_have_their_own_price() {
        let price = Price {
            model: "p/m".to_owned(),
            input_nanousd: 3_000_000_000,
            output_nanousd: 15_000_000_000,
            cached_nanousd: 300_000_000,
        };
        let usage = Usage {
            input_tokens: 1_000,
            output_tokens: 100,
            cached_tokens: 400,
        };
        assert_eq!(price.of(usage), 600 * 3_000 + 400 * 300 + 100 * 15_000);
    }
}
