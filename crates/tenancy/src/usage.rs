//! What organizations use, what that costs, and how much they may.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Caller, Clock, OrganizationId, ProjectAccess, Timestamp};
use store::{ChangedBy, Price, Store, UsageCaps, UsageGroup, UsageReport, UsageRow};

use crate::Error;

/// Prices of an organization at most.
const MAX_PRICES: usize = 1_000;
/// Characters of a model's name at most.
const MAX_MODEL_CHARS: usize = 200;
/// Dollars that are written at most: what is counted in billionths must fit.
const MAX_USD: f64 = 1_000_000_000.0;

/// Reads usage and changes caps and prices, as the operator or [`by`](Self::by) somebody else.
/// Checks what is asked for, not who asks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct UsageAdmin {
    store: Store,
    clock: Arc<dyn Clock>,
    caller: Caller,
}

impl UsageAdmin {
    /// Works on this store, as the operator.
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            caller: Caller::OPERATOR,
        }
    }

    /// The same for somebody else, as the audit log is to name them.
    #[must_use]
    pub fn by(&self, caller: Caller) -> Self {
        Self {
            caller,
            ..self.clone()
        }
    }

    fn changed_by(&self) -> ChangedBy {
        ChangedBy {
            caller: self.caller.clone(),
            at: self.clock.now(),
        }
    }

    /// What was used from the UTC day of `from` to that of `to`, in these projects.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn report(
        &self,
        organization_id: OrganizationId,
        projects: &ProjectAccess,
        group: UsageGroup,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<UsageReport, Error> {
        let of = |project| {
            let report = self
                .store
                .report_usage(organization_id, group, from, to, project);
            async move { report.await.map_err(Error::Store) }
        };
        match projects {
            ProjectAccess::All => of(None).await,
            ProjectAccess::Only(ids) => {
                let mut reports = Vec::with_capacity(ids.len());
                for id in ids {
                    reports.push(of(Some(*id)).await?);
                }
                Ok(sum(reports))
            }
        }
    }

    /// The monthly caps.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn caps(&self, organization_id: OrganizationId) -> Result<UsageCaps, Error> {
        let found = self.store.find_usage_caps(organization_id).await;
        found.map_err(Error::Store)
    }

    /// Sets the monthly caps.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn set_caps(
        &self,
        organization_id: OrganizationId,
        caps: UsageCaps,
    ) -> Result<(), Error> {
        let by = self.changed_by();
        let done = self.store.set_usage_caps(organization_id, caps, by);
        done.await.map_err(Error::Store)
    }

    /// The prices, by model.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn prices(&self, organization_id: OrganizationId) -> Result<Vec<Price>, Error> {
        let listed = self.store.list_prices(organization_id).await;
        listed.map_err(Error::Store)
    }

    /// Puts these prices in the place of all that there were.
    ///
    /// # Errors
    /// [`Error::Prices`], [`Error::Store`].
    pub async fn set_prices(
        &self,
        organization_id: OrganizationId,
        prices: Vec<Price>,
    ) -> Result<(), Error> {
        let named = |price: &Price| {
            let count = price.model.chars().count();
            (1..=MAX_MODEL_CHARS).contains(&count) && !price.model.contains('\0')
        };
        if prices.len() > MAX_PRICES {
            return Err(Error::Prices("has more than 1,000 entries"));
        }
        if !prices.iter().all(named) {
            return Err(Error::Prices("names a model by nothing or too much"));
        }
        let mut models: Vec<&str> = prices.iter().map(|price| price.model.as_str()).collect();
        models.sort_unstable();
        models.dedup();
        if models.len() < prices.len() {
            return Err(Error::Prices("names a model twice"));
        }
        let by = self.changed_by();
        let done = self.store.replace_prices(organization_id, prices, by);
        done.await.map_err(Error::Store)
    }
}

/// Dollars as billionths of one; `None` for what is negative, no number, or more than a billion.
#[expect(clippy::cast_possible_truncation, reason = "at most 10^18")]
pub fn nanousd(dollars: f64) -> Option<i64> {
    let valid = (0.0..=MAX_USD).contains(&dollars);
    valid.then(|| (dollars * 1e9).round() as i64)
}

/// Billionths of a dollar as dollars.
#[expect(clippy::cast_precision_loss, reason = "for people")]
pub fn dollars(nanousd: i64) -> f64 {
    nanousd as f64 / 1e9
}

/// Reports of several projects as one.
fn sum(reports: Vec<UsageReport>) -> UsageReport {
    let mut rows: BTreeMap<String, UsageRow> = BTreeMap::new();
    let mut totals = UsageRow::default();
    for report in reports {
        add(&mut totals, &report.totals);
        for row in report.rows {
            let of_key = rows.entry(row.key.clone()).or_insert_with(|| UsageRow {
                key: row.key.clone(),
                ..UsageRow::default()
            });
            add(of_key, &row);
        }
    }
    UsageReport {
        rows: rows.into_values().collect(),
        totals,
    }
}

fn add(to: &mut UsageRow, row: &UsageRow) {
    to.tasks += row.tasks;
    to.input_tokens += row.input_tokens;
    to.output_tokens += row.output_tokens;
    to.cached_tokens += row.cached_tokens;
    to.tool_calls += row.tool_calls;
    to.sandbox_ms += row.sandbox_ms;
    to.cost_nanousd += row.cost_nanousd;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_counted_in_billionths() {
        assert_eq!(nanousd(0.15), Some(150_000_000));
        assert_eq!(nanousd(1e9), Some(1_000_000_000_000_000_000));
        for wrong in [-0.1, f64::NAN, f64::INFINITY, 1.1e9] {
            assert_eq!(nanousd(wrong), None);
        }
        assert!((dollars(2_500_000_000) - 2.5).abs() < 1e-12);
    }
}
