//! `sigmic serve`: the server, from its first line to its last.
//!
//! The order of the start lets the first authenticated answer come early: what it needs (database,
//! keys, socket) comes first, the sandbox's self-test runs beside it. A run that needs a sandbox
//! waits for the verdict; `/readyz` tells when it is there.

mod engine;
mod first_start;
mod metrics;
mod parts;
mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use auth::Authenticator;
use http_api::{Listener, ListenerConfig, Readiness, metrics_router, router};
use sandbox::{ProbeReport, SandboxEngine, Tier};
use store::OpenMode;
use tasks::Workers;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use parts::Parts;
pub(crate) use parts::local_config;

use super::connect::local_url;
use super::runtime;
use crate::args::{Common, ServeArguments};
use crate::failure::{Done, Failure, chain};
use crate::instance::{Instance, Schema};
use crate::logging;
use crate::output::Output;
use crate::settings::{Database, Settings};
use first_start::{UrlFile, ensure_keys, tell_owner};
use tokens::{own_origins, tend_tokens};

/// How often the last uses of keys are written.
const LAST_USED_EVERY: Duration = Duration::from_secs(30);

/// Runs it.
pub(crate) fn run(
    common: Common,
    arguments: ServeArguments,
    output: &mut Output,
) -> Result<Done, Failure> {
    let mut flags = Vec::new();
    flags.extend(arguments.listen.map(|address| ("listen", address)));
    flags.extend(arguments.database_url.map(|url| ("database_url", url)));
    if arguments.behind_proxy {
        flags.push(("behind_proxy", "true".to_owned()));
    }
    let sources = common.sources(flags);
    let loaded = sources.load()?;
    let settings = loaded.settings;
    refuse_open_listener(&settings)?;
    let filter = sources.variable("RUST_LOG");
    logging::begin(filter, "info", settings.log_format, &settings.secrets)?;
    for warning in loaded.warnings {
        tracing::warn!("{warning}");
    }
    runtime::leave_no_core()?;
    let runtime = runtime::whole()?;
    let served = runtime.block_on(serve(settings, output));
    // Nothing of ours is left; a thread of the resolver may be.
    runtime.shutdown_timeout(Duration::from_millis(200));
    served.map(|()| Done).map_err(Failure::Failed)
}

/// Without TLS keys would cross the network readable, and metrics have no key at all.
fn refuse_open_listener(settings: &Settings) -> Result<(), Failure> {
    let is_open = |address: &SocketAddr| !address.ip().is_loopback() && !settings.behind_proxy;
    if let Some(address) = settings.metrics_listen.filter(is_open) {
        return Err(Failure::Usage(format!(
            "{address} is reachable from other machines, and whoever reaches the metrics reads \
             them. Say that only a proxy does (--behind-proxy), or show them on 127.0.0.1"
        )));
    }
    if !is_open(&settings.listen) {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{} is reachable from other machines, and this server speaks no TLS yet: keys would cross \
         the network readable. Put a proxy that does in front of it and say so (--behind-proxy), \
         or listen on 127.0.0.1",
        settings.listen
    )))
}

async fn serve(settings: Settings, output: &mut Output) -> Result<()> {
    let mut signals = Signals::new()?;
    let opening = Instance::open(&settings, OpenMode::Serve, Schema::Migrate);
    let instance = tokio::select! {
        instance = opening => instance?,
        // A database that does not answer must not hold the process.
        () = signals.next() => return Ok(()),
    };
    let served = serve_instance(&settings, &instance, &mut signals, output).await;
    instance.store.close().await;
    served
}

async fn serve_instance(
    settings: &Settings,
    instance: &Instance,
    signals: &mut Signals,
    output: &mut Output,
) -> Result<()> {
    let key_file = ensure_keys(instance, &settings.data_dir).await?;
    let mut parts = Parts::new(settings, instance)?;
    let readiness = Readiness::default();
    let workers = Workers::new(&parts.tasks);
    // Before the first request: what an earlier process left is told from what this one begins.
    workers
        .recover()
        .await
        .context("take up interrupted runs")?;
    let listener = listen(settings.listen, "--listen or SIGMIC_LISTEN").await?;
    let address = listener.address();
    let url_file = UrlFile::write(&settings.data_dir, &local_url(address))?;
    let own = own_origins(settings, address);
    let service = router(parts.http(instance, readiness.clone(), own, settings));
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    running.spawn(listener.serve(service, stop.clone()));
    running.spawn(workers.run(stop.clone()));
    running.spawn(note_last_used(parts.authenticator.clone(), stop.clone()));
    running.spawn(tend_tokens(instance, stop.clone()));
    greet(settings, &parts, address, &key_file, output);
    tell_owner(instance, settings, address, output).await?;
    if let Some(address) = settings.metrics_listen {
        let listener = listen(address, "SIGMIC_METRICS_LISTEN").await?;
        output.line(format!(
            "  metrics     http://{}/metrics",
            listener.address()
        ));
        let registry = std::mem::take(&mut parts.registry);
        let page = metrics_router(registry, parts.tasks.clone());
        running.spawn(listener.serve(page, stop.clone()));
    }
    let mut testing = JoinSet::new();
    testing.spawn(test_sandbox(Arc::clone(&parts.engine)));
    let ended = run_until_stopped(signals, &mut running, testing, &readiness, output).await;
    readiness.end();
    stop.cancel();
    // Drained while everything else still works; who presses Ctrl-C again leaves at once.
    tokio::select! {
        () = drain(&mut running) => {}
        () = signals.insisting() => running.shutdown().await,
    }
    drop(url_file);
    if let Err(error) = parts.authenticator.flush_last_used().await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the last uses of keys are lost"
        );
    }
    output.line("Stopped");
    ended
}

async fn listen(address: SocketAddr, chosen_with: &str) -> Result<Listener> {
    let listener = Listener::bind(ListenerConfig::new(address)).await;
    listener.map_err(|error| {
        let why = chain(&error);
        anyhow::anyhow!("{why}; another address is chosen with {chosen_with}")
    })
}

/// Waits for a signal; tells meanwhile what became of the self-test.
async fn run_until_stopped(
    signals: &mut Signals,
    running: &mut JoinSet<()>,
    mut testing: JoinSet<ProbeReport>,
    readiness: &Readiness,
    output: &mut Output,
) -> Result<()> {
    loop {
        tokio::select! {
            () = signals.next() => {
                output.line("Stopping: runs go on at the next start");
                return Ok(());
            }
            Some(ended) = running.join_next() => {
                ended.context("a part of the server panicked")?;
                anyhow::bail!("a part of the server ended by itself");
            }
            Some(report) = testing.join_next() => {
                tell_sandbox(&report.context("the sandbox's self-test")?, output);
                readiness.begin();
                output.line("Ready");
            }
        }
    }
}

async fn drain(running: &mut JoinSet<()>) {
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            tracing::error!(error = &error as &dyn std::error::Error, "a part panicked");
        }
    }
}

async fn test_sandbox(engine: Arc<dyn SandboxEngine>) -> ProbeReport {
    engine.probe().await
}

async fn note_last_used(authenticator: Authenticator, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(LAST_USED_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = authenticator.flush_last_used().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "writing the last uses of keys failed"
            );
        }
    }
}

fn greet(
    settings: &Settings,
    parts: &Parts,
    address: SocketAddr,
    key_file: &std::path::Path,
    output: &mut Output,
) {
    let version = env!("CARGO_PKG_VERSION");
    output.line(format!("Sigmic {version} listens on http://{address}"));
    output.line(format!("  data        {}", settings.data_dir.display()));
    output.line(format!(
        "  database    {}",
        database_name(&settings.database)
    ));
    output.line(format!("  model       {}", parts.models.default_model()));
    output.line(format!(
        "  key         {} (used by `sigmic run`)",
        key_file.display()
    ));
    output.line(format!("  API page    {}/docs", local_url(address)));
    tracing::info!(%address, version, "listening");
}

fn database_name(database: &Database) -> String {
    match database {
        Database::Sqlite(directory) => format!("SQLite in {}", directory.display()),
        // Its URL holds a password.
        Database::Postgres(_) => "PostgreSQL".to_owned(),
    }
}

fn tell_sandbox(report: &ProbeReport, output: &mut Output) {
    for warning in &report.warnings {
        tracing::warn!("sandbox: {warning}");
    }
    let probes = report.probes.len();
    match report.tier {
        Some(Tier::None) => {
            output.line("  sandbox     NONE: commands run WITHOUT ISOLATION (sandbox.engine)");
            return;
        }
        Some(tier @ (Tier::Native | Tier::Landlock)) => {
            output.line(format!("  sandbox     {tier}, {probes} probes passed"));
            tracing::info!(%tier, probes, "the sandbox holds");
            return;
        }
        None => {}
    }
    let reason = report.reason.clone().unwrap_or_default();
    output.line(format!(
        "  sandbox     none: shell commands are refused. {reason}"
    ));
    for remedy in &report.remedies {
        output.line(format!("              {remedy}"));
    }
    tracing::error!(
        reason,
        "no sandbox holds on this machine: shell commands are refused"
    );
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let listen = |kind| signal(kind).context("listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Ctrl-C only: supervisors repeat SIGTERM without meaning more by it.
    async fn insisting(&mut self) {
        self.interrupt.recv().await;
    }
}
