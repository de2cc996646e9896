//! What is counted of sandboxes, and the list that all counts of a server stand in.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use sandbox::{ProbeReport, Sandbox, SandboxError};

/// Seconds.
const BUCKETS: [f64; 9] = [0.002, 0.004, 0.006, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];

/// A list with what is known of the server itself; each part adds its own.
pub(super) fn registry() -> Registry {
    let mut registry = Registry::with_prefix("sigmic");
    let build: Family<Build, Gauge> = Family::default();
    let version = env!("CARGO_PKG_VERSION");
    build.get_or_create(&Build { version }).set(1);
    registry.register(
        "build_info",
        "Always 1; the label says which version runs",
        build,
    );
    registry
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TierLabel {
    tier: String,
}

/// See the module.
#[derive(Debug)]
pub(super) struct SandboxMetrics {
    started: Family<TierLabel, Histogram, fn() -> Histogram>,
    failed: Counter,
}

impl Default for SandboxMetrics {
    fn default() -> Self {
        Self {
            started: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            failed: Counter::default(),
        }
    }
}

impl SandboxMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "sandbox_start",
            "Time in which a sandbox was made",
            Unit::Seconds,
            self.started.clone(),
        );
        registry.register(
            "sandbox_start_failures",
            "Sandboxes that could not be made",
            self.failed.clone(),
        );
    }

    pub(super) fn note(
        &self,
        report: &ProbeReport,
        took: Duration,
        created: &Result<Arc<dyn Sandbox>, SandboxError>,
    ) {
        let (Ok(_), Some(tier)) = (created, report.tier) else {
            self.failed.inc();
            return;
        };
        let tier = tier.to_string();
        self.started
            .get_or_create(&TierLabel { tier })
            .observe(took.as_secs_f64());
    }
}
