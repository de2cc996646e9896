//! A data directory, and the program running on it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use client::{ApiKey, Client, ClientConfig};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// A home of a test's own: nothing of the machine's environment or files counts.
pub(crate) struct Home {
    directory: TempDir,
    variables: Vec<(String, String)>,
    /// Whom the commands run as, when not as the test itself.
    user: Option<u32>,
}

/// What a finished command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
            user: None,
        }
    }

    /// Of another user, whom every command runs as. Needs root.
    pub(crate) fn of_user(mut self, user: u32) -> Self {
        let directory = self.directory.path();
        std::os::unix::fs::chown(directory, Some(user), Some(user)).unwrap();
        // The build directory may be out of that user's reach.
        let (built, program) = (env!("CARGO_BIN_EXE_sigmic"), self.path("sigmic"));
        if std::fs::hard_link(built, &program).is_err() {
            std::fs::copy(built, &program).unwrap();
        }
        self.user = Some(user);
        self
    }

    /// With this variable in the environment of every command.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The variables that were given.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        let variables = self.variables.iter();
        variables.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program with these arguments, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match self.user {
            None => Command::new(env!("CARGO_BIN_EXE_sigmic")),
            Some(user) => {
                let mut command = Command::new(self.path("sigmic"));
                command.uid(user).gid(user);
                command
            }
        };
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.directory.path())
            .env("SIGMIC_DATA_DIR", self.data_dir())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn say(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output().unwrap();
        Said {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs the program to its end with this input.
    pub(crate) fn answer(&self, arguments: &[&str], input: &str) -> Said {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Killed(command.stderr(Stdio::piped()).spawn().unwrap());
        let mut stdin = child.0.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        let (mut out, mut err) = (String::new(), String::new());
        child
            .0
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut out)
            .unwrap();
        child
            .0
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        let code = child.0.wait().unwrap().code();
        Said { code, out, err }
    }

    /// Runs the program, which must succeed, and reads its answer.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let said = self.say(arguments);
        assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
        serde_json::from_str(&said.out).unwrap()
    }

    /// The server, when it is ready.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// The server with more variables, when it is ready.
    pub(crate) fn serve_with(&self, variables: &[(&str, String)]) -> Server {
        let log = self.path("server.log");
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let log = File::options().create(true).append(true).open(log).unwrap();
        let child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut child = Killed(child);
        let mut lines = BufReader::new(child.0.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.ends_with("Ready\n") {
            let read = lines.read_line(&mut greeting).unwrap();
            assert!(read > 0, "the server ended: {greeting}\n{}", self.log());
        }
        let (_, rest) = greeting.split_once("listens on ").unwrap();
        let url = rest.lines().next().unwrap().to_owned();
        Server {
            child,
            lines,
            greeting,
            url,
        }
    }

    /// All logs of the servers of this home.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("server.log")).unwrap_or_default()
    }

    /// The command line's key.
    pub(crate) fn key(&self) -> String {
        read(&self.data_dir().join("cli.key"))
    }
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap().trim().to_owned()
}

/// A running server; dropped, it is killed.
pub(crate) struct Server {
    child: Killed,
    lines: BufReader<ChildStdout>,
    /// Everything up to and with the line `Ready`.
    pub(crate) greeting: String,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn client(&self, key: &str) -> Client {
        Client::new(&ClientConfig::new(&self.url, ApiKey::new(key))).unwrap()
    }

    /// Posts a JSON body without a credential, as `curl` does, and reads the answer.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let output = Command::new("curl")
            .args(["-sS", "-H", "Content-Type: application/json", "-d"])
            .arg(body.to_string())
            .arg(format!("{}{path}", self.url))
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Makes it stand still.
    pub(crate) fn freeze(&self) {
        self.child.signal(Signal::STOP);
    }

    /// SIGTERM, and what it said until it ended.
    pub(crate) fn terminate(mut self) -> (ExitStatus, String) {
        self.child.signal(Signal::TERM);
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        (self.child.0.wait().unwrap(), rest)
    }
}

/// A child process that never outlives its test.
pub(crate) struct Killed(pub(crate) Child);

impl Killed {
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for a future.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}
