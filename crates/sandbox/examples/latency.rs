//! How long a new sandbox and one more command take, and what an idle one weighs. `cargo run --release -p sigmic-sandbox
//! --example latency`; needs a machine where the native engine holds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sigmic_sandbox as sandbox;

use sandbox::{
    EgressConnector, EgressPolicy, EngineChoice, ExecRequest, Limits, LocalConfig, NetworkMode,
    SandboxSpec, SystemResolver, Workspace,
};

const ROUNDS: usize = 200;
const IDLE: usize = 50;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    sandbox::dispatch_init();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(measure())
}

#[expect(
    clippy::print_stdout,
    reason = "the report of a program for the terminal"
)]
async fn measure() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let connector = EgressConnector::new(EgressPolicy::default(), Arc::new(SystemResolver));
    let config = LocalConfig::new(directory.path().to_owned(), connector);
    let selected = sandbox::select(EngineChoice::Native, config).await?;
    for warning in &selected.report.warnings {
        println!("warning: {warning}");
    }
    println!("{} probes passed", selected.report.probes.len());
    let engine = selected.engine?;
    let path = directory.path().join("workspace");
    let workspace = Workspace::create(&path, engine.workspace_owner(0))?;
    let (mut create, mut first, mut destroy) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let sandbox = engine.create(spec(&workspace)?).await?;
        create.push(started.elapsed());
        let started = Instant::now();
        sandbox.exec(program(&["true"])).await?;
        first.push(started.elapsed());
        let started = Instant::now();
        sandbox.destroy().await?;
        destroy.push(started.elapsed());
    }
    let sandbox = engine.create(spec(&workspace)?).await?;
    let (mut exec, mut shell) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let started = Instant::now();
        sandbox.exec(program(&["true"])).await?;
        exec.push(started.elapsed());
        let started = Instant::now();
        sandbox.exec(program(&["sh", "-c", "echo hello"])).await?;
        shell.push(started.elapsed());
    }
    sandbox.destroy().await?;
    for (name, times) in [
        ("create", create),
        ("first command", first),
        ("destroy", destroy),
        ("one more command: true", exec),
        ("one more command: sh -c", shell),
    ] {
        let (p50, p99) = (percentile(&times, 50), percentile(&times, 99));
        println!("{name:<26} p50 {p50:>9.2?}  p99 {p99:>9.2?}");
    }
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(engine.create(spec(&workspace)?).await?);
    }
    let kib = proportional_kib(&descendants()?);
    println!("idle memory                {} KiB a sandbox", kib / IDLE);
    for sandbox in idle {
        sandbox.destroy().await?;
    }
    Ok(())
}

/// Processes below this one.
fn descendants() -> std::io::Result<Vec<u32>> {
    let mut all: Vec<(u32, u32)> = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok());
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.split(' ').nth(1)?.parse::<u32>().ok());
        if let (Some(pid), Some(parent)) = (pid, parent) {
            all.push((pid, parent));
        }
    }
    let mut found: Vec<u32> = vec![std::process::id()];
    let mut at = 0;
    while let Some(ancestor) = found.get(at).copied() {
        found.extend(
            all.iter()
                .filter(|(_, parent)| *parent == ancestor)
                .map(|(pid, _)| *pid),
        );
        at += 1;
    }
    Ok(found.split_off(1))
}

/// Memory of these processes, shared pages divided among those who share them.
fn proportional_kib(pids: &[u32]) -> usize {
    pids.iter()
        .map(|pid| {
            let path = format!("/proc/{pid}/smaps_rollup");
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.lines()
                .find_map(|line| {
                    line.strip_prefix("Pss:")?
                        .trim()
                        .strip_suffix(" kB")?
                        .parse()
                        .ok()
                })
                .unwrap_or(0)
        })
        .sum()
}

fn spec(workspace: &Workspace) -> Result<SandboxSpec, sandbox::FileError> {
    Ok(SandboxSpec {
        workspace: workspace.try_clone()?,
        network: NetworkMode::Full,
        limits: Limits::default(),
        label: "latency".to_owned(),
        ledger: sandbox::EgressLedger::default(),
    })
}

fn program(argv: &[&str]) -> ExecRequest {
    ExecRequest {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        ..ExecRequest::shell("")
    }
}

fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}
