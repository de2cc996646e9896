//! Making a conversation fit, when it does not.

use std::time::Duration;

use futures_util::StreamExt as _;
use llm::{ModelError, TurnEvent, TurnRequest};
use model::{Compacted, JournalEvent, RunFold, Usage, head_and_tail};
use tokio::time::Instant;

use super::plan::{Plan, plan};
use super::size::Size;
use super::summary::{cuts_anything, extract, request, transcript};
use crate::mask::mask_error;
use crate::run::Worker;
use crate::{AgentError, StopReason};

/// Percent of the window above which a conversation is summarized: the rest is for the answer.
const FULL_PERCENT: u64 = 70;
/// Percent of the window that what is kept may have, and the summary.
const KEPT_PERCENT: u64 = 30;
const SUMMARY_PERCENT: u64 = 15;
/// Percent of the window that must be gained for a summary to be worth it.
const WORTH_PERCENT: u64 = 5;
/// Bytes of a summary at least and at most.
const LEAST_SUMMARY_BYTES: usize = 1_024;
const MOST_SUMMARY_BYTES: usize = 32 * 1024;

/// Why a conversation is to be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The next request would fill too much of the window.
    Full,
    /// The provider says that it does not fit: its window is smaller than was thought, or it
    /// counts otherwise.
    Overflow,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compaction {
    /// The conversation is shorter; the row is in the journal.
    Done,
    /// It is as short as it can be, or short enough.
    NotNeeded,
    /// The run must stop; nothing was changed.
    Stopped(StopReason),
}

/// How much of what there may be, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Budget {
    keep: usize,
    summary: usize,
    transcript: usize,
    worth: usize,
}

/// How a request for a summary ended.
enum Asked {
    Summary(String, Usage),
    Nothing,
    Stopped(StopReason),
}

impl Worker<'_> {
    /// Summarizes the older part of the conversation if `request` is too large for the model.
    pub(crate) async fn compact(
        &mut self,
        request: &TurnRequest,
        cause: Cause,
    ) -> Result<Compaction, AgentError> {
        let window = self.input.model.context_tokens;
        let runs = self.state.runs();
        let size = Size::of(request, &runs);
        let is_full = size.tokens.saturating_mul(100) > window.saturating_mul(FULL_PERCENT);
        if cause == Cause::Full && !is_full {
            return Ok(Compaction::NotNeeded);
        }
        let budget = Budget::new(window, size, cause);
        let plan = plan(&runs, budget.keep).filter(|plan| plan.freed_bytes >= budget.worth);
        let Some(plan) = plan else {
            return Ok(Compaction::NotNeeded);
        };
        let (summary, usage) = match self.summarize(&runs, &plan, budget).await {
            Asked::Summary(summary, usage) => (summary, usage),
            Asked::Nothing => (extract(&runs, &plan), Usage::default()),
            Asked::Stopped(reason) => return Ok(Compaction::Stopped(reason)),
        };
        let summary = self.input.session.mask().mask(&summary);
        let row = JournalEvent::Compacted(Compacted {
            from_run: plan.from_run,
            through_turn: plan.through_turn,
            summary: head_and_tail(summary.trim(), budget.summary),
            usage,
            output_bytes: plan.output_bytes.map(|bytes| bytes as u64),
        });
        tracing::info!(
            size.tokens,
            window,
            ?cause,
            "the conversation is summarized"
        );
        drop(runs);
        self.stage(row);
        self.flush().await?;
        Ok(Compaction::Done)
    }

    async fn summarize(&self, runs: &[&RunFold], plan: &Plan, budget: Budget) -> Asked {
        if !cuts_anything(runs, plan) {
            // Only outputs are shown in part: what was summarized stays as it is.
            return Asked::Nothing;
        }
        let model = &self.input.model.model;
        let request = request(model, &transcript(runs, plan), budget.transcript);
        let mut failures = 0;
        loop {
            let started = Instant::now();
            let asked = self.ask_for_summary(request.clone()).await;
            self.count_summary(&asked, started.elapsed());
            let error = match asked {
                Ok(asked) => return asked,
                Err(error) => error,
            };
            failures += 1;
            let Some(delay) = self.retry_delay(failures, &error) else {
                tracing::warn!(
                    error = mask_error(self.input.session.mask(), &error),
                    "no summary; the conversation is cut without one"
                );
                return Asked::Nothing;
            };
            if let Some(reason) = self.wait(delay).await {
                return Asked::Stopped(reason);
            }
        }
    }

    fn count_summary(&self, asked: &Result<Asked, ModelError>, took: Duration) {
        let (metrics, model) = (self.input.metrics, &self.input.model.full_name);
        let outcome = match asked {
            Ok(Asked::Summary(_, usage)) => {
                metrics.used(model, *usage);
                "answered"
            }
            Ok(Asked::Nothing) => "answered",
            Ok(Asked::Stopped(_)) => "stopped",
            Err(_) => "failed",
        };
        metrics.asked(model, outcome, took);
    }

    async fn ask_for_summary(&self, request: TurnRequest) -> Result<Asked, ModelError> {
        let mut stop = self.input.stop.clone();
        let mut stream = self.input.model.provider.stream(request);
        let mut text = String::new();
        loop {
            let event = tokio::select! {
                biased;
                reason = stop.stopped() => return Ok(Asked::Stopped(reason)),
                event = stream.next() => event,
            };
            match event {
                Some(Ok(TurnEvent::Text(piece))) => text.push_str(&piece),
                Some(Ok(TurnEvent::Thought(_) | TurnEvent::ToolCall(_))) => {}
                Some(Ok(TurnEvent::Finished { usage, .. })) if text.trim().is_empty() => {
                    tracing::info!(usage.output_tokens, "the model gave an empty summary");
                    return Ok(Asked::Nothing);
                }
                Some(Ok(TurnEvent::Finished { usage, .. })) => {
                    return Ok(Asked::Summary(text, usage));
                }
                Some(Err(error)) => return Err(error),
                None => return Err(ModelError::Cut { source: None }),
            }
        }
    }
}

impl Budget {
    fn new(window: u64, size: Size, cause: Cause) -> Self {
        // A provider that refuses has a smaller window than was thought: half of what was asked
        // must do.
        let window = match cause {
            Cause::Full => window,
            Cause::Overflow => window.min(size.tokens / 2 * 100 / FULL_PERCENT),
        };
        let room = (window * FULL_PERCENT / 100).saturating_sub(size.fixed_tokens());
        let summary = size.bytes_of((window * SUMMARY_PERCENT / 100).min(room / 4));
        Self {
            keep: size.bytes_of((window * KEPT_PERCENT / 100).min(room / 2)),
            summary: summary.clamp(LEAST_SUMMARY_BYTES, MOST_SUMMARY_BYTES),
            transcript: size.bytes_of(window / 2),
            worth: match cause {
                Cause::Full => size.bytes_of(window * WORTH_PERCENT / 100),
                Cause::Overflow => 1,
            },
        }
    }
}
