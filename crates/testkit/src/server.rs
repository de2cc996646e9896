//! A whole server in the test's process: the real router behind a real socket, a real database,
//! the real sandbox, and a scripted model.

mod limits;
mod parts;
mod reach;
mod services;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agent::Web;
use auth::{OidcConfig, RateLimits, RateLimitsConfig, SignIns, SigningKeys};
use http_api::{
    HttpConfig, HttpMetrics, HttpParts, Listener, ListenerConfig, Readiness, SignUp, router,
};
use llm::ContextWindows;
use model::{Clock, KeyClass, OsRandom, ProjectId, Random, SystemClock};
use sandbox::{EgressConnector, EgressPolicy, EngineChoice, Limits, NetworkMode, SystemResolver};
use store::Store;
use tasks::{Tasks, Workers};
use tempfile::TempDir;
use tenancy::{KeyAdmin, MintedKey, NewKey, UsageAdmin, Widgets};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vault::{MasterKey, Vault};

use crate::api::Api;
use crate::credentials::{Credentials, Signing};
use crate::{ModelServer, Script, TestDatabase};

/// The model that the scripted server answers for.
pub const SCRIPTED_MODEL: &str = "openai/scripted";

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite in a temporary directory.
    Sqlite,
    /// A PostgreSQL database of the test's own.
    Postgres,
}

/// How a [`TestServer`] is set up.
#[derive(Debug)]
pub struct TestServerBuilder {
    backend: Backend,
    database: Option<Arc<TestDatabase>>,
    master: Option<[u8; 32]>,
    directory: Option<Arc<TempDir>>,
    script: Option<Script>,
    model_url: Option<String>,
    context_windows: ContextWindows,
    clock: Arc<dyn Clock>,
    concurrent_runs: usize,
    heartbeat: Duration,
    cancel_wait_ms: u64,
    hand_over_ms: u64,
    lease_ms: i64,
    task_timeout_ms: i64,
    session_idle_ms: i64,
    network: NetworkMode,
    web: Arc<Web>,
    limits: Limits,
    signing: Signing,
    rate_limits: RateLimitsConfig,
    oidc: Vec<OidcConfig>,
    own_origins: Vec<String>,
    sign_up: SignUp,
    trusted_proxies: Vec<String>,
    connector: EgressConnector,
    choice: EngineChoice,
}

/// See the module. Dropped, it stops.
#[derive(Debug)]
pub struct TestServer {
    /// A client with the key named `bootstrap` of the default project.
    pub api: Api,
    /// The scripted model; absent when the demo answers.
    pub model: Option<ModelServer>,
    /// Makes and changes keys.
    pub admin: KeyAdmin,
    /// Makes and changes widget apps.
    pub widgets: Widgets,
    /// The keys that sign tokens, unless signing is off.
    pub signing: Option<Arc<SigningKeys>>,
    /// Signs people in, from inside.
    pub sign_ins: SignIns,
    /// What callers ask for, from inside.
    pub tasks: Tasks,
    /// What is kept.
    pub store: Store,
    /// The key named `bootstrap`.
    pub key: MintedKey,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where everything on disk is.
    pub directory: Arc<TempDir>,
    stop: CancellationToken,
    running: JoinSet<()>,
}

impl TestServer {
    /// A server on SQLite whose model follows `script`.
    pub async fn start(script: impl Into<Script>) -> Self {
        Self::builder().script(script).start().await
    }

    /// A server to be set up.
    pub fn builder() -> TestServerBuilder {
        TestServerBuilder {
            backend: Backend::Sqlite,
            database: None,
            master: None,
            directory: None,
            script: None,
            model_url: None,
            context_windows: ContextWindows::default(),
            clock: Arc::new(SystemClock),
            concurrent_runs: 64,
            heartbeat: Duration::from_secs(15),
            cancel_wait_ms: 5_000,
            hand_over_ms: 2_000,
            lease_ms: 30_000,
            task_timeout_ms: 3_600_000,
            session_idle_ms: 1_800_000,
            network: NetworkMode::None,
            web: Arc::new(Web::new(EgressConnector::new(
                EgressPolicy::default(),
                Arc::new(SystemResolver),
            ))),
            limits: Limits::default(),
            signing: Signing::On,
            rate_limits: RateLimitsConfig::default(),
            oidc: Vec::new(),
            own_origins: Vec::new(),
            sign_up: SignUp::Closed,
            trusted_proxies: Vec::new(),
            connector: EgressConnector::new(EgressPolicy::default(), Arc::new(SystemResolver)),
            choice: EngineChoice::Auto,
        }
    }

    /// The scripted model.
    ///
    /// # Panics
    /// When the demo answers.
    pub fn model(&self) -> &ModelServer {
        self.model
            .as_ref()
            .expect("this server was started with a script")
    }

    /// Another key of the default project.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn another_key(&self, name: &str) -> (MintedKey, Api) {
        self.key_of(self.key.record.project_id, KeyClass::Project, name)
            .await
    }

    /// A key of a new project.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn another_project(&self, name: &str) -> (MintedKey, Api) {
        let organization = self.key.record.organization_id;
        let project = self
            .admin
            .create_project(organization, name)
            .await
            .expect("a project");
        self.key_of(Some(project.id), KeyClass::Project, name).await
    }

    /// A key of class `management`.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn management_key(&self) -> (MintedKey, Api) {
        self.key_of(None, KeyClass::Management, "management").await
    }

    async fn key_of(
        &self,
        project_id: Option<ProjectId>,
        class: KeyClass,
        name: &str,
    ) -> (MintedKey, Api) {
        let new = NewKey {
            organization_id: self.key.record.organization_id,
            project_id,
            class,
            name: name.to_owned(),
            scopes: None,
            cidrs: Vec::new(),
            limits: None,
            expires_at: None,
            created_by: "ana".to_owned(),
        };
        let minted = self.admin.create_key(new).await.expect("a key");
        let api = self.api.with_key(minted.key.expose_key());
        (minted, api)
    }

    /// Where a task's files are.
    pub fn workspace(&self, id: &str) -> PathBuf {
        self.directory.path().join("workspaces").join(id)
    }

    /// Where files wait until their request is accepted.
    pub fn staging(&self) -> PathBuf {
        self.directory.path().join("staging")
    }

    /// Stops as on SIGTERM: runs are handed over, streams closed, the store closed.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.running.join_next().await.is_some() {}
        self.store.close().await;
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What runs.
struct Serving {
    address: SocketAddr,
    stop: CancellationToken,
    running: JoinSet<()>,
}

impl TestServerBuilder {
    /// On which database.
    #[must_use]
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// On the database (and with the master key) of another server.
    #[must_use]
    pub fn sharing(mut self, database: &Arc<TestDatabase>) -> Self {
        self.backend = Backend::Postgres;
        self.database = Some(Arc::clone(database));
        self.master = Some([7; 32]);
        self
    }

    /// In the directory (and with the master key) of a server that was stopped, or of one to come.
    #[must_use]
    pub fn in_directory(mut self, directory: &Arc<TempDir>) -> Self {
        self.directory = Some(Arc::clone(directory));
        self.master = Some([7; 32]);
        self
    }

    /// What the model says.
    #[must_use]
    pub fn script(mut self, script: impl Into<Script>) -> Self {
        self.script = Some(script.into());
        self
    }

    /// Asks the model of another server.
    #[must_use]
    pub fn model_at(mut self, base_url: impl Into<String>) -> Self {
        self.model_url = Some(base_url.into());
        self
    }

    /// How much its model can be shown.
    #[must_use]
    pub fn context_windows(mut self, windows: ContextWindows) -> Self {
        self.context_windows = windows;
        self
    }

    /// With this time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Runs at once.
    #[must_use]
    pub fn concurrent_runs(mut self, count: usize) -> Self {
        self.concurrent_runs = count;
        self
    }

    /// How often a silent stream gets a heartbeat.
    #[must_use]
    pub fn heartbeat(mut self, period: Duration) -> Self {
        self.heartbeat = period;
        self
    }

    /// How long a cancel waits for a worker.
    #[must_use]
    pub fn cancel_wait_ms(mut self, millis: u64) -> Self {
        self.cancel_wait_ms = millis;
        self
    }

    /// How long runs get to reach their next step on stop.
    #[must_use]
    pub fn hand_over_ms(mut self, millis: u64) -> Self {
        self.hand_over_ms = millis;
        self
    }

    /// How long a task may run.
    #[must_use]
    pub fn task_timeout_ms(mut self, millis: i64) -> Self {
        self.task_timeout_ms = millis;
        self
    }

    /// How long a session stays without a run.
    #[must_use]
    pub fn session_idle_ms(mut self, millis: i64) -> Self {
        self.session_idle_ms = millis;
        self
    }

    /// How often callers may ask.
    #[must_use]
    pub fn rate_limits(mut self, limits: RateLimitsConfig) -> Self {
        self.rate_limits = limits;
        self
    }

    /// That signs no tokens.
    #[must_use]
    pub fn without_signing(mut self) -> Self {
        self.signing = Signing::Off;
        self
    }

    /// What commands and web tools reach.
    #[must_use]
    pub fn network(mut self, network: NetworkMode) -> Self {
        self.network = network;
        self
    }

    /// What web tools work with.
    #[must_use]
    pub fn web(mut self, web: Web) -> Self {
        self.web = Arc::new(web);
        self
    }

    /// How strongly commands are isolated.
    #[must_use]
    pub fn engine_choice(mut self, choice: EngineChoice) -> Self {
        self.choice = choice;
        self
    }

    /// How it is reached.
    #[must_use]
    pub fn connector(mut self, connector: EgressConnector) -> Self {
        self.connector = connector;
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// When something of it cannot be set up.
    pub async fn start(mut self) -> TestServer {
        let directory = self
            .directory
            .take()
            .unwrap_or_else(|| Arc::new(tempfile::tempdir().expect("a temporary directory")));
        let store = self.open_store(&directory).await;
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        let vault = Arc::new(Vault::new(&match self.master {
            Some(bytes) => MasterKey::from_bytes(bytes),
            None => MasterKey::generate(&OsRandom),
        }));
        let credentials =
            Credentials::new(&store, &vault, &self.clock, &random, self.signing).await;
        let first = credentials
            .admin
            .bootstrap("ana", &[(KeyClass::Project, "bootstrap")])
            .await
            .expect("a bootstrap");
        let key = first
            .keys
            .into_iter()
            .next()
            .expect("one key was asked for");
        let model = match self.script.take() {
            Some(script) => Some(ModelServer::start(script).await),
            None => None,
        };
        let tasks = self.tasks(&store, &vault, &random, model.as_ref(), &directory);
        let serving = self.serve(&tasks, &credentials, &store).await;
        let Serving {
            address,
            stop,
            running,
        } = serving;
        let api = Api::new(format!("http://{address}"), key.key.expose_key());
        TestServer {
            api,
            model,
            admin: credentials.admin,
            widgets: credentials.widgets,
            sign_ins: credentials.sign_ins,
            signing: credentials.signing,
            tasks,
            store,
            key,
            address,
            directory,
            stop,
            running,
        }
    }

    async fn serve(&self, tasks: &Tasks, credentials: &Credentials, store: &Store) -> Serving {
        let listener = Listener::bind(ListenerConfig::new(SocketAddr::from(([127, 0, 0, 1], 0))));
        let listener = listener.await.expect("a port");
        let address = listener.address();
        let readiness = Readiness::default();
        let service = router(HttpParts {
            tasks: tasks.clone(),
            authenticator: credentials.authenticator.clone(),
            limits: Arc::new(RateLimits::new(
                self.rate_limits,
                store.clone(),
                Arc::clone(&self.clock),
            )),
            exchange: credentials.exchange.clone(),
            sign_ins: credentials.sign_ins.clone(),
            oidc: self.oidc_providers(),
            people: credentials.people.clone(),
            signing: credentials.signing.clone(),
            keys: credentials.admin.clone(),
            widgets: credentials.widgets.clone(),
            audit: credentials.audit.clone(),
            usage: UsageAdmin::new(store.clone(), Arc::clone(&self.clock)),
            readiness: readiness.clone(),
            config: HttpConfig {
                heartbeat: self.heartbeat,
                own_origins: self.own_origins_at(address),
                sign_up: self.sign_up,
                trusted_proxies: self
                    .trusted_proxies
                    .iter()
                    .map(|network| network.parse().expect("a network"))
                    .collect(),
                ..HttpConfig::default()
            },
            clock: Arc::clone(&self.clock),
            random: Arc::new(OsRandom),
            metrics: HttpMetrics::default(),
        });
        let stop = CancellationToken::new();
        let workers = Workers::new(tasks);
        workers.recover().await.expect("the store answers");
        readiness.begin();
        let mut running = JoinSet::new();
        running.spawn(workers.run(stop.clone()));
        running.spawn(listener.serve(service, stop.clone()));
        Serving {
            address,
            stop,
            running,
        }
    }
}
