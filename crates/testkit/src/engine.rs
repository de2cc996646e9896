//! The real sandbox, tested at the first command of a test.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use sandbox::{
    EgressConnector, NativeConfig, NativeEngine, Owner, ProbeReport, Sandbox, SandboxEngine,
    SandboxError, SandboxSpec,
};
use tokio::sync::OnceCell;

/// The native engine, which makes its self-test when it is first needed: most tests run no
/// command.
#[derive(Debug)]
pub(crate) struct LazyEngine {
    engine: NativeEngine,
    report: OnceCell<ProbeReport>,
}

impl LazyEngine {
    pub(crate) fn new(scratch: PathBuf, connector: EgressConnector) -> Self {
        let config = NativeConfig::new(scratch, connector);
        let engine = NativeEngine::new(config).expect("the engine can be set up");
        Self {
            engine,
            report: OnceCell::new(),
        }
    }
}

#[async_trait]
impl SandboxEngine for LazyEngine {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn workspace_owner(&self, number: u32) -> Owner {
        self.engine.workspace_owner(number)
    }

    async fn probe(&self) -> ProbeReport {
        self.report
            .get_or_init(|| self.engine.probe())
            .await
            .clone()
    }

    async fn create(&self, spec: SandboxSpec) -> Result<Arc<dyn Sandbox>, SandboxError> {
        let report = self.probe().await;
        assert!(
            report.tier.is_some(),
            "no sandbox holds on this machine: {report:?}"
        );
        self.engine.create(spec).await
    }
}
