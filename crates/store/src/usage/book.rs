//! Booking what was used.

use model::{ApiKeyId, EndUserId, JournalEvent, OrganizationId, ProjectId, Timestamp, Usage};

use crate::Error;
use crate::tx::Tx;
use crate::value::params;

use super::prices;

/// What the worker of a run knows of its use, beside the rows that it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    /// The model that the run asks, as `provider/model`.
    pub model: String,
    /// Milliseconds that the calls took which end with these rows, added up.
    pub sandbox_ms: i64,
}

/// Whose use it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payer {
    pub(crate) organization_id: OrganizationId,
    pub(crate) project_id: ProjectId,
    pub(crate) api_key_id: Option<ApiKeyId>,
    pub(crate) end_user_id: Option<EndUserId>,
}

/// What was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Booked {
    pub(crate) tasks: i64,
    pub(crate) usage: Usage,
    pub(crate) tool_calls: i64,
    pub(crate) sandbox_ms: i64,
}

impl Booked {
    /// What these rows tell.
    pub(crate) fn of(events: &[JournalEvent], sandbox_ms: i64) -> Self {
        let mut booked = Self {
            sandbox_ms,
            ..Self::default()
        };
        for event in events {
            match event {
                JournalEvent::ModelTurn(turn) => booked.usage = booked.usage.plus(turn.usage),
                JournalEvent::Compacted(made) => booked.usage = booked.usage.plus(made.usage),
                JournalEvent::ToolStarted { .. } => booked.tool_calls += 1,
                JournalEvent::UserMessage(_)
                | JournalEvent::RunStarted(_)
                | JournalEvent::RunResumed { .. }
                | JournalEvent::Notice { .. }
                | JournalEvent::ToolWaiting { .. }
                | JournalEvent::ToolDecided(_)
                | JournalEvent::ToolFinished(_)
                | JournalEvent::Egress(_)
                | JournalEvent::RunFinished(_) => {}
            }
        }
        booked
    }
}

/// The UTC day of a moment, as it is kept.
pub(super) fn day_of(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// The UTC month of a moment, as it is kept.
pub(super) fn month_of(at: Timestamp) -> String {
    at.to_string().chars().take(7).collect()
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Books what was used of a model; nothing if that is nothing.
pub(crate) async fn book(
    tx: &mut Tx,
    payer: Payer,
    model: &str,
    at: Timestamp,
    booked: Booked,
) -> Result<(), Error> {
    if booked == Booked::default() {
        return Ok(());
    }
    let Usage {
        input_tokens,
        output_tokens,
        cached_tokens,
    } = booked.usage;
    let cost = if booked.usage == Usage::default() {
        0
    } else {
        prices::cost(tx, payer.organization_id, model, booked.usage).await?
    };
    let id = |id: Option<String>| id.unwrap_or_default();
    tx.execute(
        "INSERT INTO usage_days (organization_id, day, project_id, api_key_id, end_user_id, model,
            tasks, input_tokens, output_tokens, cached_tokens, tool_calls, sandbox_ms, cost_nanousd)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (organization_id, day, project_id, api_key_id, end_user_id, model)
         DO UPDATE SET tasks = usage_days.tasks + excluded.tasks,
            input_tokens = usage_days.input_tokens + excluded.input_tokens,
            output_tokens = usage_days.output_tokens + excluded.output_tokens,
            cached_tokens = usage_days.cached_tokens + excluded.cached_tokens,
            tool_calls = usage_days.tool_calls + excluded.tool_calls,
            sandbox_ms = usage_days.sandbox_ms + excluded.sandbox_ms,
            cost_nanousd = usage_days.cost_nanousd + excluded.cost_nanousd",
        params![
            payer.organization_id,
            day_of(at),
            payer.project_id,
            id(payer.api_key_id.map(|id| id.to_string())),
            id(payer.end_user_id.map(|id| id.to_string())),
            model,
            booked.tasks,
            number(input_tokens),
            number(output_tokens),
            number(cached_tokens),
            booked.tool_calls,
            booked.sandbox_ms,
            cost,
        ],
    )
    .await?;
    let tokens = number(input_tokens.saturating_add(output_tokens));
    add_to_month(tx, payer.organization_id, at, [booked.tasks, tokens, cost]).await
}

/// What caps are held against. The row is held until the transaction ends, so that of two tasks at
/// once the second sees the first.
async fn add_to_month(
    tx: &mut Tx,
    organization_id: OrganizationId,
    at: Timestamp,
    [tasks, tokens, cost]: [i64; 3],
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO usage_months (organization_id, month, tasks, tokens, cost_nanousd)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (organization_id, month)
         DO UPDATE SET tasks = usage_months.tasks + excluded.tasks,
            tokens = usage_months.tokens + excluded.tokens,
            cost_nanousd = usage_months.cost_nanousd + excluded.cost_nanousd",
        params![organization_id, month_of(at), tasks, tokens, cost,],
    )
    .await
    .map(drop)
}
