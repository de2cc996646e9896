//! What is counted of runs: how many stand where, and how they ended.

use model::{JournalEvent, RunOutcome, Timestamp};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use store::RunCounts;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    runs: Family<StateLabel, Gauge>,
    oldest: Gauge<f64, std::sync::atomic::AtomicU64>,
    ended: Family<OutcomeLabel, Counter>,
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "runs",
            "Runs in the database that have not ended, by where they stand",
            self.runs.clone(),
        );
        registry.register_with_unit(
            "queue_oldest_age",
            "How long the run that waits longest for a worker has been waiting",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register(
            "runs_ended",
            "Runs that this process ended, by how",
            self.ended.clone(),
        );
    }

    /// What the database says; without it nothing is claimed.
    pub(crate) fn set(&self, counts: Option<RunCounts>, now: Timestamp) {
        let Some(counts) = counts else {
            self.runs.clear();
            self.oldest.set(f64::NAN);
            return;
        };
        let states = [
            ("queued", counts.queued),
            ("leased", counts.leased),
            ("parked", counts.parked),
        ];
        for (state, count) in states {
            self.runs.get_or_create(&StateLabel { state }).set(count);
        }
        let age_ms = counts.oldest_queued_at.map_or(0, |at| now.millis_since(at));
        let age_ms = u32::try_from(age_ms.max(0)).unwrap_or(u32::MAX);
        self.oldest.set(f64::from(age_ms) / 1000.0);
    }

    /// Counts what was written, if a run ended with it.
    pub(crate) fn written(&self, events: &[JournalEvent]) {
        for event in events {
            if let JournalEvent::RunFinished(outcome) = event {
                self.ended(outcome);
            }
        }
    }

    /// Counts a run that ended.
    pub(crate) fn ended(&self, outcome: &RunOutcome) {
        let outcome = match outcome {
            RunOutcome::Completed => "completed",
            RunOutcome::Failed { .. } => "failed",
            RunOutcome::Cancelled => "cancelled",
        };
        self.ended.get_or_create(&OutcomeLabel { outcome }).inc();
    }
}
