//! A client that hides nothing: status, headers and bytes as they came.

use std::time::Duration;

use bytes::BytesMut;
use serde_json::{Value, json};

/// How long anything may take before a test is given up. Never waited for when all goes well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A caller with one credential.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    key: String,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }

    /// `data` of a success.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn data(&self) -> Value {
        let body = self.json();
        assert_eq!(
            (self.status, &body["success"]),
            (200, &json!(true)),
            "{body}"
        );
        body["data"].clone()
    }

    /// Status and code of an error; checks its envelope.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn error(&self) -> (u16, String) {
        let body = self.json();
        assert_eq!(body["success"], json!(false), "{body}");
        let error = body["error"].as_object().expect("an error object");
        assert_eq!(error.len(), 2, "{body}");
        assert!(!error["message"].as_str().expect("a message").is_empty());
        (
            self.status,
            error["code"].as_str().expect("a code").to_owned(),
        )
    }
}

impl Api {
    /// A caller with a key.
    ///
    /// # Panics
    /// When no client can be made.
    pub fn new(base: String, key: &str) -> Self {
        // An error means that it was installed before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        Self {
            http,
            base,
            key: key.to_owned(),
        }
    }

    /// The same caller with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..self.clone()
        }
    }

    /// The same caller at another server.
    #[must_use]
    pub fn at(&self, base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            ..self.clone()
        }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A request with the key, to be changed and sent.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.bare(method, path).bearer_auth(&self.key)
    }

    /// A request without a credential.
    pub fn bare(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, self.url(path)).timeout(PATIENCE)
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(reqwest::Method::GET, path)).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(reqwest::Method::POST, path).json(body)).await
    }

    /// `PATCH path` with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        send(self.request(reqwest::Method::PATCH, path).json(body)).await
    }

    /// `DELETE path`.
    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request(reqwest::Method::DELETE, path)).await
    }

    /// Creates a task; answers its id.
    pub async fn create(&self, body: &Value) -> String {
        let data = self.post("/api/v1/tasks", body).await.data();
        data["id"].as_str().expect("an id").to_owned()
    }

    /// `data` of `GET /api/v1/tasks/{id}`.
    pub async fn task(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/tasks/{id}")).await.data()
    }

    /// Posts a further message.
    pub async fn follow_up(&self, id: &str, body: &Value) -> Answer {
        self.post(&format!("/api/v1/tasks/{id}/messages"), body)
            .await
    }

    /// Decides about a call.
    pub async fn approve(&self, id: &str, call_id: &str, body: &Value) -> Answer {
        self.post(&format!("/api/v1/tasks/{id}/tools/{call_id}/approve"), body)
            .await
    }

    /// Opens the stream of a task.
    pub async fn stream(&self, id: &str) -> Events {
        self.stream_from(id, None).await
    }

    /// Opens the stream of a task after a cursor.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn stream_from(&self, id: &str, cursor: Option<&str>) -> Events {
        let mut request = self
            .http
            .get(self.url(&format!("/api/v1/tasks/{id}/stream")))
            .bearer_auth(&self.key);
        if let Some(cursor) = cursor {
            request = request.header("last-event-id", cursor);
        }
        Events::open(request)
            .await
            .expect("something follows the cursor")
    }

    /// What a reader without a cursor gets, to the end of the body: history, and what is left of an
    /// open run.
    pub async fn replay(&self, id: &str) -> Vec<Event> {
        self.stream(id).await.rest().await
    }

    /// Every event of a task from its beginning to the end of its latest run, whether that has
    /// ended already or not.
    pub async fn events(&self, id: &str) -> Vec<Event> {
        self.stream_from(id, Some("0")).await.rest().await
    }

    /// Waits for the end of a task's run and answers the task.
    pub async fn finished(&self, id: &str) -> Value {
        self.events(id).await;
        self.task(id).await
    }
}

/// Sends a request.
///
/// # Panics
/// When nothing is answered.
pub async fn send(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("the server answers");
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let text = response.text().await.expect("the body arrives");
    Answer {
        status,
        headers,
        text,
    }
}

/// An open stream, parsed as the documented clients do: blocks are split on two line feeds, the
/// first line is the event, the second its data.
#[derive(Debug)]
pub struct Events {
    response: reqwest::Response,
    buffer: BytesMut,
    raw: Vec<u8>,
}

/// One event, or a heartbeat under the name `:heartbeat`.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its data.
    pub data: Value,
    /// Its id.
    pub id: Option<String>,
}

impl Events {
    /// Opens a stream; `None` when nothing follows its cursor.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn open(request: reqwest::RequestBuilder) -> Option<Self> {
        let response = request.send().await.expect("the stream answers");
        match response.status().as_u16() {
            204 => None,
            200 => Some(Self {
                response,
                buffer: BytesMut::new(),
                raw: Vec::new(),
            }),
            status => panic!("{status}: {:?}", response.text().await),
        }
    }

    /// The response's headers.
    pub fn headers(&self) -> &reqwest::header::HeaderMap {
        self.response.headers()
    }

    /// Every byte so far.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The next event; `None` at the end of the body.
    ///
    /// # Panics
    /// When nothing comes for too long.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(block) = self.take_block() {
                return Some(parse(&block));
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            match chunk.expect("something comes in time") {
                Ok(Some(chunk)) => {
                    self.raw.extend_from_slice(&chunk);
                    self.buffer.extend_from_slice(&chunk);
                }
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// The next event of that name; others are passed over.
    ///
    /// # Panics
    /// When the body ends first.
    pub async fn until(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await;
            let event = event.unwrap_or_else(|| panic!("the stream ended before {name}"));
            if event.name == name {
                return event;
            }
        }
    }

    /// Everything up to the end of the body.
    pub async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    fn take_block(&mut self) -> Option<String> {
        let at = self.buffer.windows(2).position(|pair| pair == b"\n\n")?;
        let block = self.buffer.split_to(at + 2);
        Some(String::from_utf8(block[..at].to_vec()).expect("the stream is UTF-8"))
    }
}

fn parse(block: &str) -> Event {
    if block.starts_with(':') {
        return Event {
            name: block.to_owned(),
            data: Value::Null,
            id: None,
        };
    }
    let mut lines = block.split('\n');
    let name = lines.next().and_then(|line| line.strip_prefix("event: "));
    let data = lines.next().and_then(|line| line.strip_prefix("data: "));
    let id = lines.next().map(|line| {
        line.strip_prefix("id: ")
            .expect("only an id follows")
            .to_owned()
    });
    assert_eq!(lines.next(), None, "{block}");
    Event {
        name: name.expect("the first line is the event").to_owned(),
        data: serde_json::from_str(data.expect("the second line is the data"))
            .expect("data is JSON"),
        id,
    }
}

/// All text of the events: the deltas put together.
pub fn text_of(events: &[Event]) -> String {
    let deltas = events.iter().filter(|event| event.name == "content");
    deltas
        .filter_map(|event| event.data["text"].as_str())
        .collect()
}

/// The names of the events, in order.
pub fn names_of(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}
