//! The server program as a child process.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use testkit::{Api, ModelServer, TestDatabase};

/// Where a server keeps its data.
pub(crate) struct Place {
    /// Its data directory.
    pub(crate) directory: tempfile::TempDir,
    /// Its PostgreSQL database; SQLite in the directory otherwise.
    pub(crate) database: Option<Arc<TestDatabase>>,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            database: None,
        }
    }

    pub(crate) async fn postgres() -> Self {
        let database = Some(Arc::new(TestDatabase::create().await));
        Self {
            directory: tempfile::tempdir().unwrap(),
            database,
        }
    }

    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.directory.path().join("data")
    }
}

/// A running server; killed when dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) api: Api,
    /// The command line's own key.
    pub(crate) key: String,
}

/// The program, with nothing of this process's environment but what it needs.
pub(crate) fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmic"));
    command.env_clear();
    command.env("PATH", "/usr/bin:/bin");
    command.env("HOME", data);
    command.env("SIGMIC_DATA_DIR", data);
    command
}

impl Program {
    /// Starts a server that asks this model, and waits until it is ready.
    pub(crate) async fn start(place: &Place, model: &ModelServer) -> Self {
        let mut command = command(&place.data());
        command
            .env("SIGMIC_MODEL", testkit::SCRIPTED_MODEL)
            .env("OPENAI_BASE_URL", model.base_url());
        Self::serve(place, command).await
    }

    /// Starts a server on the embedded defaults.
    pub(crate) async fn start_demo(place: &Place) -> Self {
        Self::serve(place, command(&place.data())).await
    }

    async fn serve(place: &Place, mut command: Command) -> Self {
        let data = place.data();
        command
            .arg("serve")
            .env("SIGMIC_LISTEN", "127.0.0.1:0")
            .env("SIGMIC_LEASE_MS", "600")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(database) = &place.database {
            command.env("SIGMIC_DATABASE_URL", postgres_url(database.url()));
        }
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let base = tokio::task::spawn_blocking(move || listening(stdout))
            .await
            .unwrap();
        let key = std::fs::read_to_string(data.join("cli.key")).unwrap();
        let key = key.trim().to_owned();
        let api = Api::new(base, &key);
        Self { child, api, key }
    }

    /// The process.
    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Killed before, or now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads what the server prints until it is ready; answers its base URL. Goes on reading in a
/// thread, so that the server never blocks on a full pipe.
fn listening(stdout: BufReader<std::process::ChildStdout>) -> String {
    let mut lines = stdout.lines();
    let mut base = None;
    for line in lines.by_ref().map_while(Result::ok) {
        if let Some(at) = line.find("http://").filter(|_| base.is_none()) {
            base = Some(line[at..].trim().to_owned());
        }
        if line.trim() == "Ready" {
            break;
        }
    }
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    base.expect("the server says where it listens")
}

/// A list of `key=value` as a URL.
fn postgres_url(list: &str) -> String {
    let value = |name: &str| {
        let found = list
            .split_whitespace()
            .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        found.unwrap_or_default().trim_matches('\'').to_owned()
    };
    let host = value("host").replace('/', "%2F");
    format!("postgres://{}@{host}/{}", value("user"), value("dbname"))
}
