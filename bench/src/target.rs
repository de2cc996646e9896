//! What is measured: Sigmic and the limit programs, each reached in the same way.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::time::Instant;

use crate::connection::Connection;
use crate::process::Process;

/// A running program and how it is called.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) process: Process,
    key: String,
}

impl Target {
    /// Sigmic on a data directory, with its defaults and the scripted model.
    pub(crate) fn sigmic(program: &str, directory: &Path, model: &str) -> Result<Self> {
        let mut command = Command::new(program);
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("SIGMIC_DATA_DIR", directory)
            .env("SIGMIC_MODEL", "openai/scripted")
            // Far more than anybody may ask.
            .env("SIGMIC_LIMITS__KEY", "0")
            .env("SIGMIC_LIMITS__ORGANIZATION", "0")
            .env("OPENAI_BASE_URL", format!("http://{model}/v1"));
        let process = Process::start(&command)?;
        let key = std::fs::read_to_string(directory.join("cli.key"))?;
        Ok(Self {
            process,
            key: key.trim().to_owned(),
        })
    }

    /// `floor` with one task.
    pub(crate) fn floor(key: &str, task: &str, body: &Path) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["floor", key, task]).arg(body);
        Self::own(&command, key)
    }

    /// `relay-db` on an empty directory.
    pub(crate) fn relay(directory: &Path, model: &str) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("relay-db").arg(directory).arg(model);
        Self::own(&command, "none")
    }

    fn own(command: &Command, key: &str) -> Result<Self> {
        Ok(Self {
            process: Process::start(command)?,
            key: key.to_owned(),
        })
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        Connection::open(&self.process.address).await
    }

    /// The bytes of a `GET`.
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        self.get_with(&self.key, path)
    }

    /// The same with another key.
    pub(crate) fn get_with(&self, key: &str, path: &str) -> Vec<u8> {
        let address = &self.process.address;
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\r\n")
            .into_bytes()
    }

    fn post(&self, path: &str, body: &str) -> Vec<u8> {
        let Self { process, key } = self;
        let (address, length) = (&process.address, body.len());
        format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    /// Creates a task; answers its id.
    pub(crate) async fn create(
        &self,
        connection: &mut Connection,
        message: &str,
    ) -> Result<String> {
        let request = self.post("/api/v1/tasks", &format!(r#"{{"message":"{message}"}}"#));
        let (status, body) = connection.ask(&request).await?;
        anyhow::ensure!(status == 200, "a task was answered {status}");
        let answer: Value = serde_json::from_slice(body)?;
        let id = answer["data"]["id"].as_str().context("an id")?;
        Ok(id.to_owned())
    }

    pub(crate) fn stream_of(&self, id: &str) -> Vec<u8> {
        self.get(&format!("/api/v1/tasks/{id}/stream"))
    }

    /// Runs a task from its message to the end of its stream.
    pub(crate) async fn task(
        &self,
        connection: &mut Connection,
        message: &str,
    ) -> Result<TaskTimes> {
        let started = Instant::now();
        let id = self.create(connection, message).await?;
        connection.follow(&self.stream_of(&id)).await?;
        let first_event = started.elapsed();
        anyhow::ensure!(connection.finish().await?, "task {id} was not done");
        Ok(TaskTimes {
            first_event,
            whole: started.elapsed(),
        })
    }
}

/// From the sending of a message …
#[derive(Debug, Clone, Copy)]
pub(crate) struct TaskTimes {
    /// … to the first event of its stream.
    pub(crate) first_event: Duration,
    /// … to the end of its stream.
    pub(crate) whole: Duration,
}
