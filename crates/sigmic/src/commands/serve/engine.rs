//! The server's sandbox engine: chosen and tested when it is first needed, and counted.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use sandbox::{
    Owner, ProbeReport, Sandbox, SandboxEngine, SandboxError, SandboxSpec, TestedEngine,
};

use super::metrics::SandboxMetrics;

/// See the module.
#[derive(Debug)]
pub(super) struct CountedEngine {
    engine: TestedEngine,
    metrics: SandboxMetrics,
}

impl CountedEngine {
    /// Counts what `engine` does.
    pub(super) fn new(engine: TestedEngine) -> Self {
        Self {
            engine,
            metrics: SandboxMetrics::default(),
        }
    }

    /// What is counted of its sandboxes.
    pub(super) fn metrics(&self) -> &SandboxMetrics {
        &self.metrics
    }
}

#[async_trait]
impl SandboxEngine for CountedEngine {
    fn workspace_owner(&self, number: u32) -> Owner {
        self.engine.workspace_owner(number)
    }

    async fn probe(&self) -> ProbeReport {
        self.engine.probe().await
    }

    async fn create(&self, spec: SandboxSpec) -> Result<Arc<dyn Sandbox>, SandboxError> {
        // Waiting for the verdict is not the sandbox's own time.
        let report = self.engine.probe().await;
        let started = Instant::now();
        let created = self.engine.create(spec).await;
        self.metrics.note(&report, started.elapsed(), &created);
        created
    }
}
