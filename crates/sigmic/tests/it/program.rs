//! A server with a scripted model, on either database, and a caller that hides nothing.

use std::path::PathBuf;
use std::sync::Arc;

use testkit::{Api, ModelServer, TestDatabase};

use crate::support::{Home, Server};

/// Where a server keeps its data.
pub(crate) struct Place {
    home: Home,
    /// Its PostgreSQL database; SQLite in the home otherwise.
    pub(crate) database: Option<Arc<TestDatabase>>,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        Self {
            home: Home::new(),
            database: None,
        }
    }

    pub(crate) async fn postgres() -> Self {
        Self {
            home: Home::new(),
            database: Some(Arc::new(TestDatabase::create().await)),
        }
    }

    /// With a variable for every server.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.home = self.home.with(name, value);
        self
    }

    /// Runs the program on the same data to its end, and reads its answer.
    pub(crate) fn say_json(&self, arguments: &[&str]) -> serde_json::Value {
        self.home.json(arguments)
    }

    /// All logs of its servers.
    pub(crate) fn log(&self) -> String {
        self.home.log()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.home.data_dir()
    }
}

/// A running server; dropped, it is killed.
pub(crate) struct Program {
    pub(crate) server: Server,
    pub(crate) api: Api,
    /// The command line's own key.
    pub(crate) key: String,
}

impl Program {
    /// Starts a server that asks this model, and waits until it is ready.
    pub(crate) async fn start(place: &Place, model: &ModelServer) -> Self {
        let mut variables = vec![
            ("SIGMIC_MODEL", testkit::SCRIPTED_MODEL.to_owned()),
            ("OPENAI_BASE_URL", model.base_url()),
            // A server that was killed loses its runs soon.
            ("SIGMIC_LEASE_MS", "600".to_owned()),
        ];
        if let Some(database) = &place.database {
            variables.push(("SIGMIC_DATABASE_URL", postgres_url(database.url())));
        }
        Self::serve(place, &variables)
    }

    /// Starts a server on the embedded defaults.
    pub(crate) fn start_demo(place: &Place) -> Self {
        Self::serve(place, &[])
    }

    fn serve(place: &Place, variables: &[(&str, String)]) -> Self {
        let server = place.home.serve_with(variables);
        let key = place.home.key();
        let api = Api::new(server.url.clone(), &key);
        Self { server, api, key }
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(self) {
        self.server.kill();
    }
}

/// A list of `key=value` as a URL.
pub(crate) fn postgres_url(list: &str) -> String {
    let value = |name: &str| {
        let found = list
            .split_whitespace()
            .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        found.unwrap_or_default().trim_matches('\'').to_owned()
    };
    let host = value("host").replace('/', "%2F");
    format!("postgres://{}@{host}/{}", value("user"), value("dbname"))
}
