//! How much an organization may use in a month.

use model::{OrganizationId, Timestamp};
use serde_json::{Value, json};

use super::book::month_of;
use crate::audit::{AuditAction, ChangedBy, Done, record};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::params;
use crate::{Error, Store};

/// Caps of a calendar month (UTC); `None`: none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsageCaps {
    /// Tasks that may be made.
    pub monthly_tasks: Option<i64>,
    /// Tokens of requests and answers.
    pub monthly_tokens: Option<i64>,
    /// Cost, billionths of a US dollar.
    pub monthly_cost_nanousd: Option<i64>,
}

impl Store {
    /// The caps of an organization.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_usage_caps(
        &self,
        organization_id: OrganizationId,
    ) -> Result<UsageCaps, Error> {
        self.read("find_usage_caps", Read::Point, organization_id, |tx, id| {
            Box::pin(find(tx, *id))
        })
        .await
    }

    /// Sets the caps of an organization; from the answer on they hold.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn set_usage_caps(
        &self,
        organization_id: OrganizationId,
        caps: UsageCaps,
        by: ChangedBy,
    ) -> Result<(), Error> {
        self.write(
            "set_usage_caps",
            (organization_id, caps, by),
            |tx, (organization, caps, by)| Box::pin(set(tx, *organization, *caps, by)),
        )
        .await
    }

    /// Whether an organization has used up its tokens or its money of the month.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn is_quota_spent(
        &self,
        organization_id: OrganizationId,
        at: Timestamp,
    ) -> Result<bool, Error> {
        self.read(
            "is_quota_spent",
            Read::Point,
            (organization_id, at),
            |tx, (id, at)| Box::pin(is_spent(tx, *id, *at)),
        )
        .await
    }
}

/// Whether one of these is so of an organization that has caps.
macro_rules! any_of {
    ($condition:literal) => {
        concat!(
            "SELECT c.organization_id FROM usage_caps c
             LEFT JOIN usage_months m ON m.organization_id = c.organization_id AND m.month = $2
             WHERE c.organization_id = $1
               AND (COALESCE(m.tokens, 0) >= c.monthly_tokens
                    OR COALESCE(m.cost_nanousd, 0) >= c.monthly_cost_nanousd",
            $condition,
            ")"
        )
    };
}

/// Whether the month's tokens or money are used up.
async fn is_spent(
    tx: &mut Tx,
    organization_id: OrganizationId,
    at: Timestamp,
) -> Result<bool, Error> {
    let values = params![organization_id, month_of(at)];
    Ok(tx.query_opt(any_of!(""), values).await?.is_some())
}

/// The same, or whether the task that was just booked is one too many.
pub(crate) async fn is_too_much(
    tx: &mut Tx,
    organization_id: OrganizationId,
    at: Timestamp,
) -> Result<bool, Error> {
    let sql = any_of!(" OR COALESCE(m.tasks, 0) > c.monthly_tasks");
    let values = params![organization_id, month_of(at)];
    Ok(tx.query_opt(sql, values).await?.is_some())
}

async fn find(tx: &mut Tx, organization_id: OrganizationId) -> Result<UsageCaps, Error> {
    let row = tx
        .query_opt(
            "SELECT monthly_tasks, monthly_tokens, monthly_cost_nanousd FROM usage_caps
             WHERE organization_id = $1",
            params![organization_id],
        )
        .await?;
    let Some(mut row) = row else {
        return Ok(UsageCaps::default());
    };
    Ok(UsageCaps {
        monthly_tasks: row.next("usage_caps.monthly_tasks")?,
        monthly_tokens: row.next("usage_caps.monthly_tokens")?,
        monthly_cost_nanousd: row.next("usage_caps.monthly_cost_nanousd")?,
    })
}

async fn set(
    tx: &mut Tx,
    organization_id: OrganizationId,
    caps: UsageCaps,
    by: &ChangedBy,
) -> Result<(), Error> {
    let before = facts(find(tx, organization_id).await?);
    tx.execute(
        "INSERT INTO usage_caps
            (organization_id, monthly_tasks, monthly_tokens, monthly_cost_nanousd)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (organization_id) DO UPDATE SET monthly_tasks = excluded.monthly_tasks,
            monthly_tokens = excluded.monthly_tokens,
            monthly_cost_nanousd = excluded.monthly_cost_nanousd",
        params![
            organization_id,
            caps.monthly_tasks,
            caps.monthly_tokens,
            caps.monthly_cost_nanousd,
        ],
    )
    .await?;
    let action = AuditAction::UsageLimitsUpdate;
    let done = Done::changed(action, organization_id, before, facts(caps));
    record(tx, Some(organization_id), by, &done).await
}

fn facts(caps: UsageCaps) -> Value {
    json!({
        "monthlyTasks": caps.monthly_tasks,
        "monthlyTokens": caps.monthly_tokens,
        "monthlyCostNanoUsd": caps.monthly_cost_nanousd,
    })
}
