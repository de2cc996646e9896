//! The calls.

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::multipart::Form;
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde::Serialize;
use wire::{
    ApproveRequest, ApproveResponse, ArtifactsResponse, CancelResponse, CreateTaskRequest,
    CreateTaskResponse, FollowUpRequest, FollowUpResponse, HistoryResponse, Paged, TaskListItem,
    TaskResponse,
};

use crate::files::{Download, Files, form};
use crate::{ApiKey, Backoff, Error, EventStream, Follow, http};

/// Where the server is and who calls.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The server's URL, without `/api/v1`.
    pub base_url: String,
    /// The caller's key.
    pub key: ApiKey,
    /// The longest wait for a connection, milliseconds.
    pub connect_timeout_ms: u64,
    /// The longest silence of a connection, milliseconds. An open stream is never silent for more
    /// than 15 s.
    pub silence_ms: u64,
}

impl ClientConfig {
    /// A server and a key, with the usual time-outs: 10 s to connect, 45 s of silence.
    pub fn new(base_url: impl Into<String>, key: ApiKey) -> Self {
        Self {
            base_url: base_url.into(),
            key,
            connect_timeout_ms: 10_000,
            silence_ms: 45_000,
        }
    }
}

/// A caller of one server. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    /// For requests that may take long to send.
    sending: reqwest::Client,
    base: Url,
}

/// Which tasks to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListTasks {
    /// Items at most, 1 to 100; the server's default is 50.
    pub limit: Option<u32>,
    /// Items to skip.
    pub offset: Option<u64>,
    /// Only tasks with one of these statuses; all if empty.
    pub statuses: Vec<String>,
    /// Whose tasks.
    pub scope: ListScope,
}

/// Whose tasks to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListScope {
    /// Those that were created with this key.
    #[default]
    Own,
    /// All of the key's project.
    Project,
}

impl Client {
    /// A client; connects with the first call.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong URL or key; [`Error::Setup`].
    pub fn new(config: &ClientConfig) -> Result<Self, Error> {
        let base = http::base_url(&config.base_url)?;
        let made =
            |silence_ms| http::client(&base, &config.key, config.connect_timeout_ms, silence_ms);
        Ok(Self {
            http: made(Some(config.silence_ms))?,
            sending: made(None)?,
            base,
        })
    }

    /// Whether the server is on this machine.
    pub fn is_loopback(&self) -> bool {
        http::is_loopback(&self.base)
    }

    /// Creates a task. With an `idempotency_key` the call may be repeated for 24 hours: it answers
    /// the same task.
    ///
    /// # Errors
    /// Those of every call: [`Error::Api`], [`Error::Transport`], [`Error::Protocol`].
    pub async fn create_task(
        &self,
        request: &CreateTaskRequest,
        idempotency_key: Option<&str>,
    ) -> Result<CreateTaskResponse, Error> {
        let call = self.post(&["tasks"], request)?;
        let call = with_idempotency_key(call, idempotency_key);
        self.data("create the task", call).await
    }

    /// Creates a task with files, which the agent finds in `uploads/`.
    ///
    /// # Errors
    /// [`Error::File`] when one cannot be read; those of [`create_task`](Self::create_task).
    pub async fn create_task_with_files(
        &self,
        request: &CreateTaskRequest,
        files: &Files,
        idempotency_key: Option<&str>,
    ) -> Result<CreateTaskResponse, Error> {
        let form = form(request, files).await?;
        let call = self.post_form(&["tasks"], form)?;
        let call = with_idempotency_key(call, idempotency_key);
        self.data("create the task", call).await
    }

    /// A task.
    ///
    /// # Errors
    /// As [`create_task`](Self::create_task).
    pub async fn get_task(&self, id: &str) -> Result<TaskResponse, Error> {
        let call = self.call(Method::GET, &["tasks", id])?;
        self.data("get the task", call).await
    }

    /// A page of tasks, latest activity first.
    ///
    /// # Errors
    /// As [`create_task`](Self::create_task).
    pub async fn list_tasks(&self, list: &ListTasks) -> Result<Paged<TaskListItem>, Error> {
        let mut query: Vec<(&str, String)> = Vec::new();
        query.extend(list.limit.map(|limit| ("limit", limit.to_string())));
        query.extend(list.offset.map(|offset| ("offset", offset.to_string())));
        query.extend(list.statuses.iter().map(|name| ("status", name.clone())));
        match list.scope {
            ListScope::Own => {}
            ListScope::Project => query.push(("scope", "project".to_owned())),
        }
        let attempted = "list the tasks";
        let call = self.call(Method::GET, &["tasks"])?.query(&query);
        let response = call.send().await.map_err(Error::transport(attempted))?;
        http::answer(attempted, response).await
    }

    /// Cancels a task; when this answers, no process of it is left.
    ///
    /// # Errors
    /// As [`create_task`](Self::create_task).
    pub async fn cancel_task(&self, id: &str) -> Result<CancelResponse, Error> {
        let call = self.call(Method::DELETE, &["tasks", id])?;
        self.data("cancel the task", call).await
    }

    /// Sends a task that has ended another message.
    ///
    /// # Errors
    /// As [`create_task`](Self::create_task).
    pub async fn follow_up(
        &self,
        id: &str,
        request: &FollowUpRequest,
        idempotency_key: Option<&str>,
    ) -> Result<FollowUpResponse, Error> {
        let call = self.post(&["tasks", id, "messages"], request)?;
        let call = with_idempotency_key(call, idempotency_key);
        self.data("send the message", call).await
    }

    /// Sends a task that has ended another message, with files.
    ///
    /// # Errors
    /// As [`create_task_with_files`](Self::create_task_with_files).
    pub async fn follow_up_with_files(
        &self,
        id: &str,
        request: &FollowUpRequest,
        files: &Files,
        idempotency_key: Option<&str>,
    ) -> Result<FollowUpResponse, Error> {
        let form = form(request, files).await?;
        let call = self.post_form(&["tasks", id, "messages"], form)?;
        let call = with_idempotency_key(call, idempotency_key);
        self.data("send the message", call).await
    }

    /// Decides a tool call that waits.
    ///
    /// # Errors
    /// As [`create_task`](Self::create_task).
    pub async fn approve(
        &self,
        id: &str,
        call_id: &str,
        request: &ApproveRequest,
    ) -> Result<ApproveResponse, Error> {
        let call = self.post(&["tasks", id, "tools", call_id, "approve"], request)?;
        self.data("decide the tool call", call).await
    }

    /// The saved messages of a task.
    ///
    /// # Errors
    /// As [`create_task`](Self::create_task).
    pub async fn history(&self, id: &str) -> Result<HistoryResponse, Error> {
        let call = self.call(Method::GET, &["tasks", id, "history"])?;
        self.data("get the history", call).await
    }

    /// The files of a task's workspace.
    ///
    /// # Errors
    /// As [`create_task`](Self::create_task).
    pub async fn list_artifacts(&self, id: &str) -> Result<ArtifactsResponse, Error> {
        let call = self.call(Method::GET, &["tasks", id, "artifacts"])?;
        self.data("list the files", call).await
    }

    /// A file of a task's workspace, by its path in the list.
    ///
    /// # Errors
    /// As [`create_task`](Self::create_task).
    pub async fn download_artifact(&self, id: &str, path: &str) -> Result<Download, Error> {
        let attempted = "download the file";
        let call = self.call(Method::GET, &["tasks", id, "artifacts", "download"])?;
        let call = call.query(&[("path", path)]);
        let response = call.send().await.map_err(Error::transport(attempted))?;
        let response = http::success(attempted, response).await?;
        Ok(Download::new(response))
    }

    /// One connection to a task's stream: without a `cursor` from the beginning, with one (the id
    /// of an event) after it. `None` when nothing will be sent after the cursor.
    ///
    /// # Errors
    /// As [`create_task`](Self::create_task).
    pub async fn stream(
        &self,
        id: &str,
        cursor: Option<i64>,
    ) -> Result<Option<EventStream>, Error> {
        let attempted = "open the stream";
        let mut call = self
            .call(Method::GET, &["tasks", id, "stream"])?
            .header(ACCEPT, "text/event-stream");
        if let Some(cursor) = cursor {
            call = call.header("last-event-id", cursor.to_string());
        }
        let response = call.send().await.map_err(Error::transport(attempted))?;
        let response = http::success(attempted, response).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let content_type = response.headers().get(CONTENT_TYPE);
        let is_stream = content_type
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("text/event-stream"));
        if !is_stream {
            return Err(Error::Protocol("not an event stream".to_owned()));
        }
        Ok(Some(EventStream::new(response)))
    }

    /// A task's stream until its run has ended, over as many connections as that takes.
    pub fn follow(&self, id: impl Into<String>, backoff: Backoff) -> Follow {
        Follow::new(self.clone(), id.into(), backoff)
    }

    fn post(&self, path: &[&str], body: &impl Serialize) -> Result<RequestBuilder, Error> {
        http::with_json(self.call(Method::POST, path)?, body)
    }

    fn post_form(&self, path: &[&str], form: Form) -> Result<RequestBuilder, Error> {
        Ok(self.sending.post(self.url(path)?).multipart(form))
    }

    fn call(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, Error> {
        Ok(self.http.request(method, self.url(path)?))
    }

    fn url(&self, path: &[&str]) -> Result<Url, Error> {
        http::url_below(&self.base, path)
    }

    async fn data<T: serde::de::DeserializeOwned>(
        &self,
        attempted: &'static str,
        call: RequestBuilder,
    ) -> Result<T, Error> {
        http::data(attempted, call).await
    }
}

fn with_idempotency_key(call: RequestBuilder, key: Option<&str>) -> RequestBuilder {
    match key {
        Some(key) => call.header("idempotency-key", key),
        None => call,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_never_names_another_endpoint() {
        let config = ClientConfig::new("http://127.0.0.1:1/prefix/", ApiKey::new("k"));
        let client = Client::new(&config).unwrap();
        let url = |id| client.url(&["tasks", id, "history"]).map(String::from);
        assert_eq!(
            url("a/../b?c#d%2e").unwrap(),
            "http://127.0.0.1:1/prefix/api/v1/tasks/a%2F..%2Fb%3Fc%23d%252e/history"
        );
        for id in ["", ".", ".."] {
            assert!(matches!(url(id), Err(Error::Invalid(_))), "{id}");
        }
    }

    #[test]
    fn the_key_is_not_printed() {
        let config = ClientConfig::new("http://127.0.0.1:1", ApiKey::new("sigmic_secret"));
        let client = Client::new(&config).unwrap();
        assert!(!format!("{config:?}{client:?}").contains("secret"));
    }
}
