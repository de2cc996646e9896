//! What is counted of the database: how long each command took, from the call to the answer.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::Error;

/// Seconds. A look-up takes microseconds on SQLite, a commit milliseconds.
const BUCKETS: [f64; 12] = [
    0.000_025, 0.000_1, 0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0,
];

/// A command, by the name of its method.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

#[derive(Debug)]
pub(crate) struct Metrics {
    took: Family<Operation, Histogram, fn() -> Histogram>,
    unavailable: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            took: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            unavailable: Counter::default(),
        }
    }
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "database_operation",
            "Time of a database command, from the call to its answer",
            Unit::Seconds,
            self.took.clone(),
        );
        registry.register(
            "database_errors",
            "Database commands that failed because the database did not do its part",
            self.unavailable.clone(),
        );
    }

    pub(crate) fn note<T>(
        &self,
        operation: &'static str,
        took: Duration,
        result: &Result<T, Error>,
    ) {
        let operation = Operation { operation };
        self.took
            .get_or_create(&operation)
            .observe(took.as_secs_f64());
        if matches!(result, Err(Error::Unavailable { .. } | Error::Closed)) {
            self.unavailable.inc();
        }
    }
}
