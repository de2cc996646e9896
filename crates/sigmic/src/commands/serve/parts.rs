//! The composition root: every part of the server is made here, from the settings, once.

use std::path::PathBuf;
use std::sync::Arc;

use agent::{Agent, AgentConfig, AgentMetrics, SearchConfigError, Toolbox, Web};
use anyhow::{Context as _, Result};
use auth::{Authenticator, OidcProviders, Origin, RateLimits, TokenExchange};
use http_api::{HttpConfig, HttpMetrics, HttpParts, Readiness};
use llm::{Models, RetryPolicy};
use prometheus_client::registry::Registry;
use sandbox::{
    EgressConnector, EgressPolicy, LocalConfig, SandboxEngine, SystemResolver, TestedEngine,
};
use tasks::{SessionsConfig, Tasks, TasksConfig, TasksParts};
use tenancy::{AuditLog, UsageAdmin};
use vault::MasterKeySource;

use super::engine::CountedEngine;
use super::metrics;
use crate::instance::{Instance, make_private_directory};
use crate::settings::{Database, Settings};

/// A cancel waits so long for the worker before it is fenced off, milliseconds.
const CANCEL_WAIT_MS: u64 = 5_000;
/// Runs get so long to reach their next step when the server stops, milliseconds.
const HAND_OVER_MS: u64 = 3_000;
/// Sandboxes kept between runs for the background processes in them.
const MAX_KEPT_SANDBOXES: usize = 64;

/// What the server is made of.
pub(super) struct Parts {
    pub(super) tasks: Tasks,
    pub(super) authenticator: Authenticator,
    limits: Arc<RateLimits>,
    pub(super) exchange: TokenExchange,
    oidc: OidcProviders,
    pub(super) engine: Arc<dyn SandboxEngine>,
    pub(super) models: Arc<Models>,
    http_metrics: HttpMetrics,
    /// All that is counted.
    pub(super) registry: Registry,
}

/// The sign-in services of others.
fn oidc(settings: &Settings, instance: &Instance) -> Result<OidcProviders> {
    let providers = OidcProviders::new(
        settings.oidc.clone(),
        Arc::clone(&instance.clock),
        Arc::clone(&instance.random),
    );
    providers.context("the sign-in services (`oidc`)")
}

impl Parts {
    /// Makes them.
    ///
    /// # Errors
    /// When a model setting is wrong or a directory cannot be made.
    pub(super) fn new(settings: &Settings, instance: &Instance) -> Result<Self> {
        let mut registry = metrics::registry();
        let engine = engine(settings)?;
        engine.metrics().register(&mut registry);
        let engine: Arc<dyn SandboxEngine> = Arc::new(engine);
        let models = Models::new(&settings.models, &instance.clock);
        let models = Arc::new(models.context("the models")?);
        let workspaces_dir = settings.data_dir.join("workspaces");
        make_private_directory(&workspaces_dir)?;
        let web = web(settings).context("web search")?;
        let tasks = Tasks::new(TasksParts {
            store: instance.store.clone(),
            vault: Arc::clone(&instance.vault),
            models: Arc::clone(&models),
            agent: Agent {
                tools: Arc::new(Toolbox::built_in()),
                config: AgentConfig {
                    retry: RetryPolicy::default(),
                    max_turns: settings.max_turns,
                },
                clock: Arc::clone(&instance.clock),
                random: Arc::clone(&instance.random),
                metrics: AgentMetrics::default(),
            },
            config: tasks_config(settings, &engine, workspaces_dir, web),
            clock: Arc::clone(&instance.clock),
            random: Arc::clone(&instance.random),
        });
        let authenticator = Authenticator::new(
            instance.store.clone(),
            instance.hasher.clone(),
            instance.signing.clone(),
            Arc::clone(&instance.clock),
        );
        let exchange = TokenExchange::new(
            instance.store.clone(),
            instance.hasher.clone(),
            instance.signing.clone(),
            Arc::clone(&instance.clock),
            Arc::clone(&instance.random),
        );
        let limits = RateLimits::new(
            settings.rate_limits,
            instance.store.clone(),
            Arc::clone(&instance.clock),
        );
        let oidc = oidc(settings, instance)?;
        let http_metrics = HttpMetrics::default();
        http_metrics.register(&mut registry);
        tasks.register_metrics(&mut registry);
        Ok(Self {
            http_metrics,
            registry,
            tasks,
            authenticator,
            limits: Arc::new(limits),
            exchange,
            oidc,
            engine,
            models,
        })
    }

    /// What the HTTP side gets.
    pub(super) fn http(
        &self,
        instance: &Instance,
        readiness: Readiness,
        own_origins: Vec<Origin>,
        settings: &Settings,
    ) -> HttpParts {
        HttpParts {
            tasks: self.tasks.clone(),
            authenticator: self.authenticator.clone(),
            limits: Arc::clone(&self.limits),
            exchange: self.exchange.clone(),
            sign_ins: instance.sign_ins.clone(),
            oidc: self.oidc.clone(),
            people: instance.people.clone(),
            signing: instance.signing.clone(),
            keys: instance.admin.clone(),
            widgets: instance.widgets.clone(),
            audit: AuditLog::new(instance.store.clone()),
            usage: UsageAdmin::new(instance.store.clone(), Arc::clone(&instance.clock)),
            readiness,
            config: HttpConfig {
                own_origins,
                sign_up: settings.sign_up,
                trusted_proxies: settings.trusted_proxies.clone(),
                ..HttpConfig::default()
            },
            clock: Arc::clone(&instance.clock),
            random: Arc::clone(&instance.random),
            metrics: self.http_metrics.clone(),
        }
    }
}

fn tasks_config(
    settings: &Settings,
    engine: &Arc<dyn SandboxEngine>,
    workspaces_dir: PathBuf,
    web: Web,
) -> TasksConfig {
    TasksConfig {
        concurrent_runs: settings.concurrent_runs,
        task_timeout_ms: settings.task_timeout_ms,
        lease_ms: settings.lease_ms,
        cancel_wait_ms: CANCEL_WAIT_MS,
        hand_over_ms: HAND_OVER_MS,
        staging_dir: settings.data_dir.join("staging"),
        sessions: SessionsConfig {
            engine: Arc::clone(engine),
            workspaces_dir,
            network: settings.sandbox.network.clone(),
            web: Arc::new(web),
            limits: settings.sandbox.limits,
            idle_ms: settings.session_idle_ms,
            max_kept: MAX_KEPT_SANDBOXES,
        },
    }
}

fn engine(settings: &Settings) -> Result<CountedEngine> {
    let scratch = settings.data_dir.join("scratch");
    make_private_directory(&scratch)?;
    let config = local_config(settings, scratch);
    let engine = TestedEngine::new(settings.sandbox.engine, config);
    Ok(CountedEngine::new(engine))
}

fn web(settings: &Settings) -> Result<Web, SearchConfigError> {
    let web = Web::new(connector(settings));
    match &settings.search {
        Some(search) => web.with_search(search.clone()),
        None => Ok(web),
    }
}

/// How everything that works for a task connects out.
fn connector(settings: &Settings) -> EgressConnector {
    let policy = EgressPolicy::new(settings.allow_private_hosts.clone());
    EgressConnector::new(policy, Arc::new(SystemResolver))
}

/// How the local engine is set up, for the server and for `doctor`; its self-test makes its files
/// in `scratch`.
pub(crate) fn local_config(settings: &Settings, scratch: PathBuf) -> LocalConfig {
    let mut config = LocalConfig::new(scratch.clone(), connector(settings));
    config.own_directory = Some(own_directory(settings, scratch));
    match &settings.master_key {
        MasterKeySource::OwnFile(path) | MasterKeySource::ProvidedFile(path) => {
            config.hidden_paths.push(path.clone());
        }
        MasterKeySource::Value(_) | MasterKeySource::Command(_) => {}
    }
    match &settings.database {
        Database::Sqlite(directory) => config.hidden_paths.push(directory.clone()),
        Database::Postgres(_) => {}
    }
    config
}

/// The directory through which commands may have to pass: the one where workspaces are, or that of
/// a test beside a server.
fn own_directory(settings: &Settings, scratch: PathBuf) -> PathBuf {
    if scratch.starts_with(&settings.data_dir) {
        settings.data_dir.clone()
    } else {
        scratch
    }
}
