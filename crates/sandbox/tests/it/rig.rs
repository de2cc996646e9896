//! What the tests share: an engine whose self-test has passed, and sandboxes of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sandbox::{
    EgressConnector, EgressLedger, EgressPolicy, EngineChoice, ExecRequest, ExecResult, Limits,
    LocalConfig, NetworkMode, Sandbox, SandboxEngine, SandboxSpec, SystemResolver, Workspace,
};
use tempfile::TempDir;

/// A sandbox with its workspace and whatever it needs to live.
pub(crate) struct Rig {
    pub(crate) engine: Arc<dyn SandboxEngine>,
    pub(crate) directory: TempDir,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

pub(crate) fn connector() -> EgressConnector {
    EgressConnector::new(EgressPolicy::default(), Arc::new(SystemResolver))
}

pub(crate) fn config(directory: &Path) -> LocalConfig {
    let mut config = LocalConfig::new(directory.to_owned(), connector());
    config.own_directory = Some(directory.to_owned());
    config
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut LocalConfig)) -> Self {
        Self::of_with(EngineChoice::Auto, change).await
    }

    pub(crate) async fn of(choice: EngineChoice) -> Self {
        Self::of_with(choice, |_| {}).await
    }

    pub(crate) async fn of_with(
        choice: EngineChoice,
        change: impl FnOnce(&mut LocalConfig),
    ) -> Self {
        let directory = TempDir::new().unwrap();
        let mut config = config(directory.path());
        change(&mut config);
        let selected = sandbox::select(choice, config).await.unwrap();
        let report = selected.report;
        Self {
            engine: selected
                .engine
                .unwrap_or_else(|error| panic!("{error}\n{report:#?}")),
            directory,
        }
    }

    pub(crate) fn workspace(&self) -> Workspace {
        // Tests of other processes may run beside this one.
        let number = std::process::id() % 100_000 * 100 + NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.path().join(format!("w{number}"));
        Workspace::create(&path, self.engine.workspace_owner(number)).unwrap()
    }

    pub(crate) fn spec(&self) -> SandboxSpec {
        SandboxSpec {
            workspace: self.workspace(),
            network: NetworkMode::None,
            limits: Limits::default(),
            label: "test".to_owned(),
            ledger: EgressLedger::default(),
        }
    }

    pub(crate) async fn sandbox(&self) -> Arc<dyn Sandbox> {
        self.engine.create(self.spec()).await.unwrap()
    }
}

pub(crate) async fn sh(sandbox: &dyn Sandbox, script: &str) -> ExecResult {
    sandbox.exec(ExecRequest::shell(script)).await.unwrap()
}

/// The output of a command that must work.
pub(crate) async fn out(sandbox: &dyn Sandbox, script: &str) -> String {
    let result = sh(sandbox, script).await;
    assert_eq!(result.ending, sandbox::Ending::Exited(0), "{result:?}");
    result.output
}
