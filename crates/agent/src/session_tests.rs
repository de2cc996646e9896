use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use sandbox::{
    EgressConnector, EgressPolicy, ProbeReport, SandboxProcess, SpawnRequest, SystemResolver,
};

use super::*;
use crate::NoMask;

/// How many sandboxes were made and ended.
#[derive(Debug, Default, Clone)]
struct Count(Arc<[AtomicUsize; 2]>);

impl Count {
    fn now(&self) -> (usize, usize) {
        let [made, ended] = &*self.0;
        (made.load(Ordering::Relaxed), ended.load(Ordering::Relaxed))
    }
}

/// A sandbox that is over at its first command, whatever else may still be in it.
#[derive(Debug)]
struct Over(Count);

#[async_trait]
impl Sandbox for Over {
    fn workspace_path(&self) -> &'static str {
        "/workspace"
    }

    fn shortfalls(&self) -> &[String] {
        &[]
    }

    async fn exec(&self, _request: ExecRequest) -> Result<ExecResult, SandboxError> {
        Err(SandboxError::Gone)
    }

    async fn spawn(&self, _request: SpawnRequest) -> Result<SandboxProcess, SandboxError> {
        Err(SandboxError::NotEmpty { left: 1 })
    }

    async fn processes(&self) -> Result<usize, SandboxError> {
        Err(SandboxError::Gone)
    }

    async fn kill_all(&self) -> Result<(), SandboxError> {
        Err(SandboxError::Gone)
    }

    async fn destroy(&self) -> Result<(), SandboxError> {
        self.0.0[1].fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[async_trait]
impl SandboxEngine for Count {
    fn workspace_owner(&self, _number: u32) -> Owner {
        Owner::Server
    }

    async fn probe(&self) -> ProbeReport {
        ProbeReport::default()
    }

    async fn create(&self, _spec: SandboxSpec) -> Result<Arc<dyn Sandbox>, SandboxError> {
        self.0[0].fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Over(self.clone())))
    }
}

#[tokio::test]
async fn a_sandbox_that_is_over_is_ended_before_that_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let count = Count::default();
    let connector = EgressConnector::new(EgressPolicy::default(), Arc::new(SystemResolver));
    let session = ToolSession::new(SessionConfig {
        engine: Arc::new(count.clone()),
        workspace_dir: directory.path().join("w"),
        owner: Owner::Server,
        network: NetworkMode::None,
        limits: Limits::default(),
        label: "test".to_owned(),
        variables: Variables::default(),
        mask: Arc::new(NoMask),
        web: Arc::new(Web::new(connector)),
    });
    let call_id = CallId::new("call");
    let command = ShellCommand {
        command: "true",
        directory: "",
        timeout_ms: None,
        call_id: &call_id,
    };
    let told = session.shell(command).await;
    assert!(matches!(told, ToolOutcome::Error { .. }), "{told:?}");
    assert_eq!(count.now(), (1, 1));
    // The next one is a new one, and so for what goes on in the background.
    let told = session.start_in_background(command).await;
    assert!(matches!(told, ToolOutcome::Error { .. }), "{told:?}");
    assert_eq!(count.now(), (2, 2));
    assert!(!session.end_of_run().await);
    assert_eq!(count.now(), (2, 2));
}
