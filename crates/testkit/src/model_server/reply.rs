//! One reply of the scripted model, built piece by piece.

use bytes::Bytes;
use serde_json::{Value, json};

use super::RecordedRequest;
use crate::Gate;

/// What to answer a request with. Pieces are sent in the order in which they were added; unless
/// the reply was cut or made of raw bytes, the finish reason, the usage and `[DONE]` follow.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    steps: Vec<Step>,
    calls: usize,
    finish: Option<&'static str>,
    usage: Option<Value>,
    ending: Ending,
}

#[derive(Debug, Clone)]
enum Step {
    Bytes(Bytes),
    Call { index: usize, call: ScriptedCall },
    Wait(Gate),
}

#[derive(Debug, Clone)]
struct ScriptedCall {
    id: CallIdKind,
    name: String,
    arguments: String,
}

#[derive(Debug, Clone)]
enum CallIdKind {
    Generated,
    Given(String),
    Absent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Finish reason, usage, `[DONE]`.
    Proper,
    /// The bytes as they are.
    AsIs,
    /// The connection breaks off.
    Cut,
    /// It breaks off before the response's head.
    CutBeforeHead,
}

/// What goes into the response's body.
pub(super) enum Piece {
    Bytes(Bytes),
    Wait(Gate),
    Cut,
}

impl Default for Reply {
    fn default() -> Self {
        Self::new()
    }
}

impl Reply {
    /// An answer without a word: the model has nothing to say.
    pub fn new() -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", "text/event-stream".to_owned())],
            steps: Vec::new(),
            calls: 0,
            finish: None,
            usage: Some(usage(10, 5, 0)),
            ending: Ending::Proper,
        }
    }

    /// An answer of one piece of text.
    pub fn say(text: impl Into<String>) -> Self {
        Self::new().text(text)
    }

    /// An answer that calls one tool.
    pub fn call(name: &str, args: Value) -> Self {
        Self::new().tool_call(name, args)
    }

    /// A status with an error object as its body.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let body = json!({"error": {"message": message, "type": code, "code": code}});
        Self::status(status, body.to_string()).header("content-type", "application/json")
    }

    /// A status with any body.
    pub fn status(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            ..Self::raw(body)
        }
    }

    /// 429: come back after so many seconds.
    pub fn rate_limited(retry_after: impl ToString) -> Self {
        Self::error(429, "rate_limit_exceeded", "Too many requests")
            .header("retry-after", retry_after)
    }

    /// 429: the account has nothing left.
    pub fn quota_exhausted() -> Self {
        Self::error(429, "insufficient_quota", "You exceeded your current quota")
    }

    /// 503.
    pub fn unavailable() -> Self {
        Self::error(503, "server_error", "Overloaded")
    }

    /// These bytes as the whole stream.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self {
            steps: vec![Step::Bytes(bytes.into())],
            ending: Ending::AsIs,
            ..Self::new()
        }
    }

    /// No answer: the connection breaks off when the request has arrived.
    pub fn no_answer() -> Self {
        Self {
            ending: Ending::CutBeforeHead,
            ..Self::new()
        }
    }

    /// Sets a header, in place of one of that name.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_string()));
        self
    }

    /// A piece of text.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.delta(&json!({"content": text.into()}))
    }

    /// Several pieces of text.
    #[must_use]
    pub fn texts<'a>(self, pieces: impl IntoIterator<Item = &'a str>) -> Self {
        pieces.into_iter().fold(self, Self::text)
    }

    /// A piece of a thought.
    #[must_use]
    pub fn thought(self, text: impl Into<String>) -> Self {
        self.delta(&json!({"reasoning_content": text.into()}))
    }

    /// A piece of a refusal.
    #[must_use]
    pub fn refusal(self, text: impl Into<String>) -> Self {
        self.delta(&json!({"refusal": text.into()}))
    }

    /// Ends by the provider's content filter.
    #[must_use]
    pub fn content_filter(self) -> Self {
        self.finish("content_filter")
    }

    /// A delta of any shape.
    #[must_use]
    pub fn delta(self, delta: &Value) -> Self {
        self.data(&chunk(delta, None).to_string())
    }

    /// Any payload of an event, JSON or not.
    #[must_use]
    pub fn data(self, payload: &str) -> Self {
        self.bytes(format!("data: {payload}\n\n"))
    }

    /// A piece that is not JSON.
    #[must_use]
    pub fn malformed(self) -> Self {
        self.data("{\"choices\": [{\"delta\"")
    }

    /// An error object inside the stream.
    #[must_use]
    pub fn error_in_stream(mut self, code: &Value, message: &str) -> Self {
        self.ending = Ending::AsIs;
        self.data(&json!({"error": {"message": message, "code": code}}).to_string())
    }

    /// Any bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: impl Into<Bytes>) -> Self {
        self.steps.push(Step::Bytes(bytes.into()));
        self
    }

    /// Calls a tool, with an id of its own: `call_<request>_<index>`.
    #[must_use]
    pub fn tool_call(self, name: &str, args: Value) -> Self {
        self.push_call(CallIdKind::Generated, name, args.to_string())
    }

    /// Calls a tool under this id.
    #[must_use]
    pub fn tool_call_with_id(self, id: &str, name: &str, args: Value) -> Self {
        self.push_call(CallIdKind::Given(id.to_owned()), name, args.to_string())
    }

    /// Calls a tool without an id.
    #[must_use]
    pub fn tool_call_without_id(self, name: &str, args: Value) -> Self {
        self.push_call(CallIdKind::Absent, name, args.to_string())
    }

    /// Calls a tool with arguments that need not be JSON.
    #[must_use]
    pub fn tool_call_raw(self, name: &str, arguments: &str) -> Self {
        self.push_call(CallIdKind::Generated, name, arguments.to_owned())
    }

    /// The finish reason, in place of `tool_calls` or `stop`.
    #[must_use]
    pub fn finish(mut self, reason: &'static str) -> Self {
        self.finish = Some(reason);
        self
    }

    /// Tokens of the request, of the answer, and of the request's cached part; 10, 5 and 0
    /// otherwise.
    #[must_use]
    pub fn usage(mut self, input: u64, output: u64, cached: u64) -> Self {
        self.usage = Some(usage(input, output, cached));
        self
    }

    /// Says nothing about tokens.
    #[must_use]
    pub fn without_usage(mut self) -> Self {
        self.usage = None;
        self
    }

    /// Holds everything after this point back until the gate is opened.
    #[must_use]
    pub fn hang(mut self, gate: &Gate) -> Self {
        self.steps.push(Step::Wait(gate.clone()));
        self
    }

    /// Breaks the connection off at this point; adding more is pointless.
    #[must_use]
    pub fn cut(mut self) -> Self {
        self.ending = Ending::Cut;
        self
    }

    /// Ends the response in good order, but without finish reason and `[DONE]`.
    #[must_use]
    pub fn end_early(mut self) -> Self {
        self.ending = Ending::AsIs;
        self
    }

    fn push_call(mut self, id: CallIdKind, name: &str, arguments: String) -> Self {
        let call = ScriptedCall {
            id,
            name: name.to_owned(),
            arguments,
        };
        let index = self.calls;
        self.calls += 1;
        self.steps.push(Step::Call { index, call });
        self
    }

    /// The body; `None` to break the connection off before the head.
    pub(super) fn into_pieces(self, request: &RecordedRequest) -> Option<Vec<Piece>> {
        let mut pieces = Vec::new();
        for step in self.steps {
            match step {
                Step::Bytes(bytes) => pieces.push(Piece::Bytes(bytes)),
                Step::Wait(gate) => pieces.push(Piece::Wait(gate)),
                Step::Call { index, call } => {
                    pieces.extend(
                        call.deltas(index, request)
                            .map(|delta| event(&chunk(&delta, None))),
                    );
                }
            }
        }
        match self.ending {
            Ending::Proper => {
                let calls = if self.calls > 0 { "tool_calls" } else { "stop" };
                pieces.push(event(&chunk(
                    &json!({}),
                    Some(self.finish.unwrap_or(calls)),
                )));
                pieces.extend(self.usage.map(|usage| event(&usage)));
                pieces.push(Piece::Bytes(Bytes::from_static(b"data: [DONE]\n\n")));
            }
            Ending::AsIs => {}
            Ending::Cut => pieces.push(Piece::Cut),
            Ending::CutBeforeHead => return None,
        }
        Some(pieces)
    }
}

impl ScriptedCall {
    /// The call in three pieces, as providers stream it.
    fn deltas(&self, index: usize, request: &RecordedRequest) -> impl Iterator<Item = Value> {
        let id = match &self.id {
            CallIdKind::Generated => Some(format!("call_{}_{index}", request.number)),
            CallIdKind::Given(id) => Some(id.clone()),
            CallIdKind::Absent => None,
        };
        let mut middle = self.arguments.len() / 2;
        while !self.arguments.is_char_boundary(middle) {
            middle -= 1;
        }
        let (head, tail) = self.arguments.split_at(middle);
        let mut first = json!({
            "index": index, "type": "function", "function": {"name": self.name, "arguments": ""},
        });
        if let Some(id) = id {
            first["id"] = json!(id);
        }
        let piece = |arguments: &str| json!({"index": index, "function": {"arguments": arguments}});
        [first, piece(head), piece(tail)]
            .into_iter()
            .map(|call| json!({"tool_calls": [call]}))
    }
}

fn event(payload: &Value) -> Piece {
    Piece::Bytes(format!("data: {payload}\n\n").into())
}

fn chunk(delta: &Value, finish: Option<&str>) -> Value {
    json!({
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "scripted",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    })
}

fn usage(input: u64, output: u64, cached: u64) -> Value {
    json!({
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "scripted",
        "choices": [],
        "usage": {
            "prompt_tokens": input,
            "completion_tokens": output,
            "total_tokens": input.saturating_add(output),
            "prompt_tokens_details": {"cached_tokens": cached},
        },
    })
}
