//! What a test server does for tasks, and with which model.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use agent::{Agent, AgentConfig, AgentMetrics, Toolbox};
use auth::Origin;
use llm::{Models, ModelsConfig, OpenAiConfig, RetryPolicy};
use model::Random;
use sandbox::{LocalConfig, TestedEngine};
use store::{OpenMode, Store, StoreConfig};
use tasks::{SessionsConfig, Tasks, TasksConfig, TasksParts};
use tempfile::TempDir;
use vault::Vault;

use super::{Backend, SCRIPTED_MODEL, TestServerBuilder};
use crate::{ModelServer, TestDatabase};

impl TestServerBuilder {
    pub(super) fn tasks(
        &self,
        store: &Store,
        vault: &Arc<Vault>,
        random: &Arc<dyn Random>,
        model: Option<&ModelServer>,
        directory: &TempDir,
    ) -> Tasks {
        let url = model
            .map(ModelServer::base_url)
            .or_else(|| self.model_url.clone());
        let models = ModelsConfig {
            default: url.is_some().then(|| SCRIPTED_MODEL.to_owned()),
            context_windows: self.context_windows.clone(),
            openai: url.map(|base_url| OpenAiConfig {
                base_url,
                api_key: None,
            }),
            ..ModelsConfig::default()
        };
        let workspaces = directory.path().join("workspaces");
        let scratch = directory.path().join("scratch");
        for path in [&workspaces, &scratch] {
            std::fs::create_dir_all(path).expect("a directory");
        }
        Tasks::new(TasksParts {
            store: store.clone(),
            vault: Arc::clone(vault),
            models: Arc::new(Models::new(&models, &self.clock).expect("the models are right")),
            agent: Agent {
                tools: Arc::new(Toolbox::built_in()),
                config: AgentConfig {
                    retry: RetryPolicy {
                        max_attempts: 3,
                        base_ms: 1,
                        cap_ms: 1,
                    },
                    max_turns: 100,
                },
                clock: Arc::clone(&self.clock),
                random: Arc::clone(random),
                metrics: AgentMetrics::default(),
            },
            config: TasksConfig {
                concurrent_runs: self.concurrent_runs,
                task_timeout_ms: self.task_timeout_ms,
                lease_ms: self.lease_ms,
                cancel_wait_ms: self.cancel_wait_ms,
                hand_over_ms: self.hand_over_ms,
                staging_dir: directory.path().join("staging"),
                sessions: SessionsConfig {
                    engine: Arc::new(self.engine(scratch, directory)),
                    workspaces_dir: workspaces,
                    network: self.network.clone(),
                    web: Arc::clone(&self.web),
                    limits: self.limits,
                    idle_ms: self.session_idle_ms,
                    max_kept: 64,
                },
            },
            clock: Arc::clone(&self.clock),
            random: Arc::clone(random),
        })
    }

    /// Those that were named, else where it listens.
    pub(super) fn own_origins_at(&self, address: SocketAddr) -> Vec<Origin> {
        let here = [format!("http://{address}")];
        let named = match self.own_origins.is_empty() {
            true => &here[..],
            false => &self.own_origins,
        };
        let origins = named.iter().map(|origin| origin.parse());
        origins.map(|origin| origin.expect("an origin")).collect()
    }

    pub(super) async fn open_store(&self, directory: &TempDir) -> Store {
        let config = match (self.backend, &self.database) {
            (Backend::Sqlite, _) => StoreConfig::Sqlite {
                directory: directory.path().join("data"),
                mode: OpenMode::Serve,
            },
            (Backend::Postgres, Some(database)) => StoreConfig::Postgres {
                url: database.url().to_owned(),
            },
            (Backend::Postgres, None) => StoreConfig::Postgres {
                url: TestDatabase::create().await.url().to_owned(),
            },
        };
        let store = Store::open(&config).await.expect("the store opens");
        store.migrate().await.expect("the store migrates");
        store
    }

    /// Tested when it is first needed: most tests run no command.
    fn engine(&self, scratch: PathBuf, directory: &TempDir) -> TestedEngine {
        let mut config = LocalConfig::new(scratch, self.connector.clone());
        config.own_directory = Some(directory.path().to_owned());
        TestedEngine::new(self.choice, config)
    }
}
