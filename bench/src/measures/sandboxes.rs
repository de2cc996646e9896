//! P12: a new sandbox, and one more command in it. The goal is in milliseconds: there is no smaller
//! program that isolates as much.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use sandbox::{
    EgressConnector, EgressPolicy, EngineChoice, ExecRequest, Limits, LocalConfig, NetworkMode,
    SandboxSpec, SystemResolver, Workspace,
};
use tokio::time::Instant;

use super::rig::{millis, percentile};
use crate::report::{Goal, Measured};

const ROUNDS: usize = 200;

pub(super) async fn measure() -> Result<Vec<Measured>> {
    let directory = tempfile::tempdir()?;
    let connector = EgressConnector::new(EgressPolicy::default(), Arc::new(SystemResolver));
    let config = LocalConfig::new(directory.path().to_owned(), connector);
    let engine = sandbox::select(EngineChoice::Native, config)
        .await?
        .engine?;
    let path = directory.path().join("workspace");
    let workspace = Workspace::create(&path, engine.workspace_owner(0))?;
    let spec = || -> Result<SandboxSpec> {
        Ok(SandboxSpec {
            workspace: workspace.try_clone()?,
            network: NetworkMode::Full,
            limits: Limits::default(),
            label: "bench".to_owned(),
            ledger: sandbox::EgressLedger::default(),
        })
    };
    let (mut made, mut ran) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let sandbox = engine.create(spec()?).await?;
        made.push(started.elapsed());
        sandbox.destroy().await?;
    }
    let sandbox = engine.create(spec()?).await?;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        sandbox.exec(command()).await?;
        ran.push(started.elapsed());
    }
    sandbox.destroy().await?;
    let row = |measure, times: &mut [Duration], most| Measured {
        id: "P12",
        measure,
        unit: "ms",
        ours: millis(percentile(times, 0.5)),
        limit: None,
        goal: Goal::AtMost(most),
    };
    Ok(vec![
        row("a new sandbox, p50", &mut made, 6.0),
        row("one more command (`true`), p50", &mut ran, 1.2),
    ])
}

fn command() -> ExecRequest {
    ExecRequest {
        argv: vec!["true".to_owned()],
        ..ExecRequest::shell("")
    }
}
