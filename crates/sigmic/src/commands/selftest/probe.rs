//! One request and what is expected of its answer.

use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, StatusCode, Url};
use serde_json::Value;

/// How often a request is repeated that came too early.
const PATIENCE: usize = 20;
/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Where every credential is tried.
pub(super) const TASKS: &str = "/api/v1/tasks?limit=1";

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    /// In the order in which they are sent; a name may come twice.
    pub(super) headers: Vec<(&'static str, Vec<u8>)>,
    pub(super) body: Option<Value>,
}

impl Ask {
    /// Lists tasks.
    pub(super) fn tasks() -> Self {
        Self::to(Method::GET, TASKS)
    }

    pub(super) fn to(method: Method, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: Vec::new(),
            body: None,
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn bearer(self, credential: &str) -> Self {
        self.header("authorization", format!("Bearer {credential}"))
    }

    pub(super) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

/// What is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// A success.
    Works,
    /// An error of this status and code.
    Refused(u16, &'static str),
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.text).unwrap_or_default();
        body["error"]["code"].as_str().unwrap_or("-").to_owned()
    }

    /// What is wrong with it, if something is.
    pub(super) fn fault(&self, ask: &Ask, wants: Wants) -> Option<String> {
        let got = format!("{} {}", self.status.as_u16(), self.code());
        match wants {
            Wants::Works => (!self.status.is_success()).then_some(got),
            Wants::Refused(status, code) => {
                let as_wanted = self.status.as_u16() == status && self.code() == code;
                if as_wanted {
                    self.careless(ask)
                } else {
                    Some(format!("{got} instead of {status} {code}"))
                }
            }
        }
    }

    /// What a refusal must not do, or lacks.
    fn careless(&self, ask: &Ask) -> Option<String> {
        let secrets = ask.headers.iter().filter_map(|(_, value)| {
            let text = std::str::from_utf8(value).ok()?;
            text.split([' ', ',']).max_by_key(|word| word.len())
        });
        for secret in secrets {
            if secret.len() >= 16 && self.text.contains(secret) {
                return Some("the credential is echoed".to_owned());
            }
        }
        if self.status != StatusCode::UNAUTHORIZED || ask.target.starts_with("/api/v1/auth/") {
            return None;
        }
        let challenge = self.headers.get("www-authenticate");
        let is_bearer = challenge.is_some_and(|value| value.as_bytes().starts_with(b"Bearer "));
        let is_kept =
            self.headers.get(CACHE_CONTROL) != Some(&HeaderValue::from_static("no-store"));
        match (is_bearer, is_kept) {
            (false, _) => Some("no WWW-Authenticate: Bearer".to_owned()),
            (true, true) => Some("no Cache-Control: no-store".to_owned()),
            (true, false) => None,
        }
    }
}

/// Sends requests to one server.
#[derive(Debug, Clone)]
pub(super) struct Prober {
    http: Client,
    base: Url,
}

impl Prober {
    pub(super) fn new(base: &str) -> Result<Self> {
        let base = Url::parse(base).context("the URL is not one")?;
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .tcp_nodelay(true)
            .build()
            .context("make a client")?;
        Ok(Self { http, base })
    }

    /// Asks; a server that says it was too early is asked again when it wants.
    pub(super) async fn ask(&self, ask: &Ask) -> Result<Answer> {
        for _ in 0..PATIENCE {
            let answer = self.ask_once(ask).await?;
            if answer.status != StatusCode::TOO_MANY_REQUESTS {
                return Ok(answer);
            }
            let seconds = answer.headers.get(RETRY_AFTER);
            let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
            let wait = Duration::from_secs(seconds.unwrap_or(1)).min(LONGEST_WAIT);
            tokio::time::sleep(wait).await;
        }
        self.ask_once(ask).await
    }

    /// Asks, whatever the answer.
    pub(super) async fn ask_once(&self, ask: &Ask) -> Result<Answer> {
        let url = self.base.join(&ask.target).context("make the URL")?;
        let mut headers = HeaderMap::new();
        for (name, value) in &ask.headers {
            let value = HeaderValue::from_bytes(value).context("make a header")?;
            headers.append(HeaderName::from_static(name), value);
        }
        let mut call = self.http.request(ask.method.clone(), url).headers(headers);
        if let Some(body) = &ask.body {
            call = call
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let response = call.send().await.context("send a request")?;
        Ok(Answer {
            status: response.status(),
            headers: response.headers().clone(),
            text: response.text().await.context("read an answer")?,
        })
    }
}
