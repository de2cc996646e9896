//! The calls of a key of class `management`: projects, API keys, widget apps.

use reqwest::{Method, RequestBuilder, Url};
use serde::Serialize;
use wire::{
    ApiKeyResponse, CreateApiKeyRequest, CreatedApiKeyResponse, CreatedWidgetAppResponse,
    EndUserRequest, Paged, ProjectRequest, ProjectResponse, RevocationResponse, RotateRequest,
    RotatedApiKeyResponse, RotatedSecretResponse, UpdateApiKeyRequest, WidgetAppRequest,
    WidgetAppResponse, WidgetSessionResponse,
};

use crate::{ClientConfig, Error, http};

/// A manager of one organization's settings. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Management {
    http: reqwest::Client,
    base: Url,
}

/// A page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Page {
    /// Items at most, 1 to 100; the server's default is 50.
    pub limit: Option<u32>,
    /// Items to skip.
    pub offset: Option<u64>,
}

/// What becomes of the running tasks of whoever is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RunningTasks {
    /// They go on.
    #[default]
    Continue,
    /// They are cancelled before the answer.
    Stop,
}

/// What is done to an end user of a widget app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutOff {
    /// The tokens die; new ones are given.
    Revoke,
    /// The tokens die, and no new ones are given.
    Block,
}

impl Management {
    /// A manager; connects with the first call.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong URL or key; [`Error::Setup`].
    pub fn new(config: &ClientConfig) -> Result<Self, Error> {
        let base = http::base_url(&config.base_url)?;
        let silence = Some(config.silence_ms);
        Ok(Self {
            http: http::client(&base, &config.key, config.connect_timeout_ms, silence)?,
            base,
        })
    }

    /// Whether the server is on this machine.
    pub fn is_loopback(&self) -> bool {
        http::is_loopback(&self.base)
    }

    /// The projects of the organization, by name.
    ///
    /// # Errors
    /// Those of every call: [`Error::Api`], [`Error::Transport`], [`Error::Protocol`].
    pub async fn list_projects(&self, page: Page) -> Result<Paged<ProjectResponse>, Error> {
        let call = self.call(Method::GET, &["projects"])?;
        self.page("list the projects", call, page).await
    }

    /// Creates a project.
    ///
    /// # Errors
    /// As [`list_projects`](Self::list_projects).
    pub async fn create_project(&self, request: &ProjectRequest) -> Result<ProjectResponse, Error> {
        let call = self.with_body(Method::POST, &["projects"], request)?;
        self.data("create the project", call).await
    }

    /// Renames a project.
    ///
    /// # Errors
    /// As [`list_projects`](Self::list_projects).
    pub async fn rename_project(
        &self,
        project: &str,
        request: &ProjectRequest,
    ) -> Result<ProjectResponse, Error> {
        let call = self.with_body(Method::PATCH, &["projects", project], request)?;
        self.data("rename the project", call).await
    }

    /// The API keys of a project, oldest first.
    ///
    /// # Errors
    /// As [`list_projects`](Self::list_projects).
    pub async fn list_keys(
        &self,
        project: &str,
        page: Page,
    ) -> Result<Paged<ApiKeyResponse>, Error> {
        let call = self.call(Method::GET, &["projects", project, "api-keys"])?;
        self.page("list the keys", call, page).await
    }

    /// Creates a key; its text is in the answer, this once.
    ///
    /// # Errors
    /// As [`list_projects`](Self::list_projects).
    pub async fn create_key(
        &self,
        project: &str,
        request: &CreateApiKeyRequest,
    ) -> Result<CreatedApiKeyResponse, Error> {
        let path = ["projects", project, "api-keys"];
        let call = self.with_body(Method::POST, &path, request)?;
        self.data("create the key", call).await
    }

    /// Changes a key.
    ///
    /// # Errors
    /// As [`list_projects`](Self::list_projects).
    pub async fn update_key(
        &self,
        project: &str,
        id: &str,
        request: &UpdateApiKeyRequest,
    ) -> Result<ApiKeyResponse, Error> {
        let path = ["projects", project, "api-keys", id];
        let call = self.with_body(Method::PATCH, &path, request)?;
        self.data("change the key", call).await
    }

    /// Revokes a key for ever.
    ///
    /// # Errors
    /// As [`list_projects`](Self::list_projects).
    pub async fn revoke_key(
        &self,
        project: &str,
        id: &str,
        running: RunningTasks,
    ) -> Result<RevocationResponse, Error> {
        let call = self.call(Method::DELETE, &["projects", project, "api-keys", id])?;
        self.data("revoke the key", stopping(call, running)).await
    }

    /// Makes a key in the place of another; its text is in the answer, this once.
    ///
    /// # Errors
    /// As [`list_projects`](Self::list_projects).
    pub async fn rotate_key(
        &self,
        project: &str,
        id: &str,
        request: &RotateRequest,
    ) -> Result<RotatedApiKeyResponse, Error> {
        let path = ["projects", project, "api-keys", id, "rotate"];
        let call = self.with_body(Method::POST, &path, request)?;
        self.data("rotate the key", call).await
    }

    /// The widget apps of a project, oldest first.
    ///
    /// # Errors
    /// As [`list_projects`](Self::list_projects).
    pub async fn list_apps(
        &self,
        project: &str,
        page: Page,
    ) -> Result<Paged<WidgetAppResponse>, Error> {
        let call = self.call(Method::GET, &["projects", project, "widget-apps"])?;
        self.page("list the widget apps", call, page).await
    }

    /// Creates a widget app; its secret is in the answer, this once.
    ///
    /// # Errors
    /// As [`list_projects`](Self::list_projects).
    pub async fn create_app(
        &self,
        project: &str,
        request: &WidgetAppRequest,
    ) -> Result<CreatedWidgetAppResponse, Error> {
        let path = ["projects", project, "widget-apps"];
        let call = self.with_body(Method::POST, &path, request)?;
        self.data("create the widget app", call).await
    }

    /// Changes a widget app.
    ///
    /// # Errors
    /// As [`list_projects`](Self::list_projects).
    pub async fn update_app(
        &self,
        project: &str,
        id: &str,
        request: &WidgetAppRequest,
    ) -> Result<WidgetAppResponse, Error> {
        let path = ["projects", project, "widget-apps", id];
        let call = self.with_body(Method::PATCH, &path, request)?;
        self.data("change the widget app", call).await
    }

    /// Deletes a widget app with its end users and tokens.
    ///
    /// # Errors
    /// As [`list_projects`](Self::list_projects).
    pub async fn delete_app(
        &self,
        project: &str,
        id: &str,
        running: RunningTasks,
    ) -> Result<RevocationResponse, Error> {
        let call = self.call(Method::DELETE, &["projects", project, "widget-apps", id])?;
        let call = stopping(call, running);
        self.data("delete the widget app", call).await
    }

    /// Makes another secret of a widget app; it is in the answer, this once.
    ///
    /// # Errors
    /// As [`list_projects`](Self::list_projects).
    pub async fn rotate_app_secret(
        &self,
        project: &str,
        id: &str,
        request: &RotateRequest,
    ) -> Result<RotatedSecretResponse, Error> {
        let path = ["projects", project, "widget-apps", id, "rotate-secret"];
        let call = self.with_body(Method::POST, &path, request)?;
        self.data("rotate the secret", call).await
    }

    /// The tokens of a widget app that work, latest first.
    ///
    /// # Errors
    /// As [`list_projects`](Self::list_projects).
    pub async fn list_sessions(
        &self,
        project: &str,
        id: &str,
        page: Page,
    ) -> Result<Paged<WidgetSessionResponse>, Error> {
        let path = ["projects", project, "widget-apps", id, "sessions"];
        let call = self.call(Method::GET, &path)?;
        self.page("list the tokens", call, page).await
    }

    /// Cuts one token off.
    ///
    /// # Errors
    /// As [`list_projects`](Self::list_projects).
    pub async fn revoke_session(
        &self,
        project: &str,
        id: &str,
        session: &str,
        running: RunningTasks,
    ) -> Result<RevocationResponse, Error> {
        let path = ["projects", project, "widget-apps", id, "sessions", session];
        let call = self.call(Method::DELETE, &path)?;
        self.data("cut the token off", stopping(call, running))
            .await
    }

    /// Cuts every token of an end user off.
    ///
    /// # Errors
    /// As [`list_projects`](Self::list_projects).
    pub async fn cut_off_end_user(
        &self,
        project: &str,
        id: &str,
        end_user_id: &str,
        cut_off: CutOff,
        running: RunningTasks,
    ) -> Result<RevocationResponse, Error> {
        let action = match cut_off {
            CutOff::Revoke => "revoke",
            CutOff::Block => "block",
        };
        let call = self.end_user(project, id, action, end_user_id)?;
        let call = stopping(call, running);
        self.data("cut the end user off", call).await
    }

    /// Lets a blocked end user get tokens again.
    ///
    /// # Errors
    /// As [`list_projects`](Self::list_projects).
    pub async fn unblock_end_user(
        &self,
        project: &str,
        id: &str,
        end_user_id: &str,
    ) -> Result<(), Error> {
        let call = self.end_user(project, id, "unblock", end_user_id)?;
        let answer: serde_json::Value = self.data("unblock the end user", call).await?;
        drop(answer);
        Ok(())
    }

    /// Every item of a list, page by page.
    ///
    /// # Errors
    /// Those of the pages.
    pub async fn all<T, F>(&self, list: impl Fn(Page) -> F) -> Result<Vec<T>, Error>
    where
        F: Future<Output = Result<Paged<T>, Error>>,
    {
        let mut items = Vec::new();
        loop {
            let page = Page {
                limit: Some(100),
                offset: Some(items.len() as u64),
            };
            let page = list(page).await?;
            let done = !page.pagination.has_more || page.data.is_empty();
            items.extend(page.data);
            if done {
                return Ok(items);
            }
        }
    }

    fn end_user(
        &self,
        project: &str,
        id: &str,
        action: &str,
        end_user_id: &str,
    ) -> Result<RequestBuilder, Error> {
        let path = ["projects", project, "widget-apps", id, "end-users", action];
        let end_user_id = end_user_id.to_owned();
        self.with_body(Method::POST, &path, &EndUserRequest { end_user_id })
    }

    fn call(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, Error> {
        Ok(self
            .http
            .request(method, http::url_below(&self.base, path)?))
    }

    fn with_body(
        &self,
        method: Method,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<RequestBuilder, Error> {
        http::with_json(self.call(method, path)?, body)
    }

    async fn page<T: serde::de::DeserializeOwned>(
        &self,
        attempted: &'static str,
        call: RequestBuilder,
        page: Page,
    ) -> Result<Paged<T>, Error> {
        let mut query: Vec<(&str, String)> = Vec::new();
        query.extend(page.limit.map(|limit| ("limit", limit.to_string())));
        query.extend(page.offset.map(|offset| ("offset", offset.to_string())));
        let response = call.query(&query).send().await;
        http::answer(attempted, response.map_err(Error::transport(attempted))?).await
    }

    async fn data<T: serde::de::DeserializeOwned>(
        &self,
        attempted: &'static str,
        call: RequestBuilder,
    ) -> Result<T, Error> {
        http::data(attempted, call).await
    }
}

fn stopping(call: RequestBuilder, running: RunningTasks) -> RequestBuilder {
    match running {
        RunningTasks::Continue => call,
        RunningTasks::Stop => call.query(&[("stopTasks", "true")]),
    }
}
