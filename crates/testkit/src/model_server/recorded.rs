//! What a client sent.

use bytes::Bytes;
use hyper::http::request::Parts;
use serde_json::Value;

/// One request, exactly as it arrived.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// Its place among all requests, from 0.
    pub number: usize,
    /// Which connection it came on, from 0.
    pub connection: usize,
    /// The HTTP method.
    pub method: String,
    /// The path with the query.
    pub path: String,
    /// The headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The bytes of the body.
    pub body: Bytes,
}

impl RecordedRequest {
    pub(super) fn new(connection: usize, head: &Parts, body: Bytes) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            number: 0,
            connection,
            method: head.method.to_string(),
            path: head.uri.to_string(),
            headers: head
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
                .collect(),
            body,
        }
    }

    /// Whether the path is that of OpenAI's, Anthropic's or Gemini's wire.
    pub(super) fn is_for_a_model(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        path == "/v1/chat/completions"
            || path == "/v1/messages"
            || (path.starts_with("/v1beta/models/") && path.ends_with(":streamGenerateContent"))
    }

    /// The first header of that name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// The body as JSON; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The model that is asked.
    pub fn model(&self) -> String {
        self.json()["model"].as_str().unwrap_or_default().to_owned()
    }

    /// The messages as they stand on the wire.
    pub fn messages(&self) -> Vec<Value> {
        match self.json()["messages"].take() {
            Value::Array(messages) => messages,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => Vec::new(),
        }
    }

    /// The system prompt; empty without one.
    pub fn system(&self) -> String {
        self.texts_of("system").next().unwrap_or_default()
    }

    /// What the user said first: the same in every request of a task.
    pub fn first_user_text(&self) -> String {
        self.texts_of("user").next().unwrap_or_default()
    }

    /// What the user said last.
    pub fn last_user_text(&self) -> String {
        self.texts_of("user").last().unwrap_or_default()
    }

    /// The outputs of tools in the conversation, oldest first.
    pub fn tool_outputs(&self) -> Vec<String> {
        self.texts_of("tool").collect()
    }

    /// The names of the offered tools.
    pub fn tool_names(&self) -> Vec<String> {
        let json = self.json();
        let tools = json["tools"].as_array().into_iter().flatten();
        tools
            .filter_map(|tool| tool["function"]["name"].as_str())
            .map(str::to_owned)
            .collect()
    }

    fn texts_of(&self, role: &str) -> impl Iterator<Item = String> {
        self.messages()
            .into_iter()
            .filter(move |message| message["role"] == role)
            .map(|message| message["content"].as_str().unwrap_or_default().to_owned())
    }
}
