//! The sandbox engine of a server that answers before its self-test is done: who needs a sandbox
//! waits for the verdict, nobody else does.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use sandbox::{
    NativeConfig, NativeEngine, Owner, ProbeReport, Sandbox, SandboxEngine, SandboxError,
    SandboxSpec,
};
use tokio::sync::OnceCell;

use super::metrics::SandboxMetrics;

/// See the module.
#[derive(Debug)]
pub(super) struct TestedEngine {
    engine: NativeEngine,
    report: OnceCell<ProbeReport>,
    metrics: SandboxMetrics,
}

impl TestedEngine {
    /// Sets the engine up; the first [`SandboxEngine::probe`] tests it.
    ///
    /// # Errors
    /// [`SandboxError::Io`].
    pub(super) fn new(config: NativeConfig) -> Result<Self, SandboxError> {
        Ok(Self {
            engine: NativeEngine::new(config)?,
            report: OnceCell::new(),
            metrics: SandboxMetrics::default(),
        })
    }

    /// What is counted of its sandboxes.
    pub(super) fn metrics(&self) -> &SandboxMetrics {
        &self.metrics
    }
}

#[async_trait]
impl SandboxEngine for TestedEngine {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn workspace_owner(&self, number: u32) -> Owner {
        self.engine.workspace_owner(number)
    }

    async fn probe(&self) -> ProbeReport {
        let report = self.report.get_or_init(|| self.engine.probe());
        report.await.clone()
    }

    async fn create(&self, spec: SandboxSpec) -> Result<Arc<dyn Sandbox>, SandboxError> {
        let report = self.report.get_or_init(|| self.engine.probe()).await;
        let started = Instant::now();
        // Where the test failed the engine refuses, with the reason and the remedy.
        let created = self.engine.create(spec).await;
        self.metrics.note(report, started.elapsed(), &created);
        created
    }
}
