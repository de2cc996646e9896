//! What an organization used, counted up.

use model::{OrganizationId, ProjectId, Timestamp};

use super::book::day_of;
use crate::store::Read;
use crate::tx::Tx;
use crate::value::{Row, params};
use crate::{Error, Store};

/// Rows of a report at most.
const MAX_ROWS: i64 = 10_000;

/// What a report counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageGroup {
    /// By UTC day.
    Day,
    /// By project.
    Project,
    /// By the key that made the task.
    ApiKey,
    /// By model.
    Model,
    /// By end user.
    EndUser,
}

/// What was used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageRow {
    /// The day, id or model; empty where there is none.
    pub key: String,
    /// Tasks that were made.
    pub tasks: i64,
    /// Tokens of requests.
    pub input_tokens: i64,
    /// Tokens of answers.
    pub output_tokens: i64,
    /// Tokens of requests that the providers had cached.
    pub cached_tokens: i64,
    /// Calls that were run.
    pub tool_calls: i64,
    /// Milliseconds that they took, added up.
    pub sandbox_ms: i64,
    /// Billionths of a US dollar.
    pub cost_nanousd: i64,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageReport {
    /// By key, 10,000 at most.
    pub rows: Vec<UsageRow>,
    /// All of it.
    pub totals: UsageRow,
}

impl Store {
    /// What an organization used from the UTC day of `from` to that of `to`, both included.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn report_usage(
        &self,
        organization_id: OrganizationId,
        group: UsageGroup,
        from: Timestamp,
        to: Timestamp,
        project: Option<ProjectId>,
    ) -> Result<UsageReport, Error> {
        self.read(
            "report_usage",
            Read::Bulk,
            (organization_id, group, (from, to), project),
            |tx, (organization, group, days, project)| {
                Box::pin(report(tx, *organization, *group, *days, *project))
            },
        )
        .await
    }
}

/// The sums of an organization's use by this expression.
macro_rules! sums_by {
    ($key:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $key,
            ", CAST(COALESCE(SUM(tasks), 0) AS BIGINT),
               CAST(COALESCE(SUM(input_tokens), 0) AS BIGINT),
               CAST(COALESCE(SUM(output_tokens), 0) AS BIGINT),
               CAST(COALESCE(SUM(cached_tokens), 0) AS BIGINT),
               CAST(COALESCE(SUM(tool_calls), 0) AS BIGINT),
               CAST(COALESCE(SUM(sandbox_ms), 0) AS BIGINT),
               CAST(COALESCE(SUM(cost_nanousd), 0) AS BIGINT)
             FROM usage_days WHERE organization_id = $1 AND day >= $2 AND day <= $3
               AND ($4 = '' OR project_id = $4) ",
            $rest
        )
    };
}

async fn report(
    tx: &mut Tx,
    organization_id: OrganizationId,
    group: UsageGroup,
    (from, to): (Timestamp, Timestamp),
    project: Option<ProjectId>,
) -> Result<UsageReport, Error> {
    tx.snapshot().await?;
    let sql = match group {
        UsageGroup::Day => sums_by!("day", "GROUP BY day ORDER BY day LIMIT $5"),
        UsageGroup::Project => sums_by!(
            "project_id",
            "GROUP BY project_id ORDER BY project_id LIMIT $5"
        ),
        UsageGroup::ApiKey => sums_by!(
            "api_key_id",
            "GROUP BY api_key_id ORDER BY api_key_id LIMIT $5"
        ),
        UsageGroup::Model => sums_by!("model", "GROUP BY model ORDER BY model LIMIT $5"),
        UsageGroup::EndUser => sums_by!(
            "end_user_id",
            "GROUP BY end_user_id ORDER BY end_user_id LIMIT $5"
        ),
    };
    let (from, to) = (day_of(from), day_of(to));
    let project = project.map_or_else(String::new, |id| id.to_string());
    let rows = tx
        .query(
            sql,
            params![organization_id, &from, &to, &project, MAX_ROWS],
        )
        .await?;
    let totals = tx
        .query_opt(
            sums_by!("CAST('' AS TEXT)", ""),
            params![organization_id, &from, &to, &project],
        )
        .await?;
    Ok(UsageReport {
        rows: rows.into_iter().map(read).collect::<Result<_, _>>()?,
        totals: totals.map(read).transpose()?.unwrap_or_default(),
    })
}

fn read(mut row: Row) -> Result<UsageRow, Error> {
    Ok(UsageRow {
        key: row.next("usage_days")?,
        tasks: row.next("usage_days.tasks")?,
        input_tokens: row.next("usage_days.input_tokens")?,
        output_tokens: row.next("usage_days.output_tokens")?,
        cached_tokens: row.next("usage_days.cached_tokens")?,
        tool_calls: row.next("usage_days.tool_calls")?,
        sandbox_ms: row.next("usage_days.sandbox_ms")?,
        cost_nanousd: row.next("usage_days.cost_nanousd")?,
    })
}
