//! The body of a chat completion request. Its bytes depend on the turn alone: fields are written
//! in the order of the structs, JSON values in the order of their keys.

use model::{ToolCall, ToolStatus};
use serde::Serialize;
use serde_json::Value;

use crate::names::to_wire;
use crate::{Message, ToolSpec, TurnRequest, args};

/// Under which name a server knows the longest answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenLimitField {
    /// OpenAI itself: its reasoning models refuse the older name.
    MaxCompletionTokens,
    /// Everybody else: not all know the newer name.
    MaxTokens,
}

/// The body of the request for `turn`.
pub(super) fn body(turn: &TurnRequest, limit: TokenLimitField) -> Vec<u8> {
    let mut messages = Vec::with_capacity(turn.messages.len() + 1);
    if !turn.system.is_empty() {
        messages.push(WireMessage::text("system", &turn.system));
    }
    messages.extend(turn.messages.iter().map(WireMessage::from));
    let (max_completion_tokens, max_tokens) = match limit {
        TokenLimitField::MaxCompletionTokens => (turn.max_output_tokens, None),
        TokenLimitField::MaxTokens => (None, turn.max_output_tokens),
    };
    let body = Body {
        model: &turn.model,
        messages,
        tools: turn.tools.iter().map(WireTool::from).collect(),
        max_completion_tokens,
        max_tokens,
        temperature: turn.temperature.filter(|value| value.is_finite()),
        stream: true,
        stream_options: StreamOptions {
            include_usage: true,
        },
    };
    serde_json::to_vec(&body).expect("a body holds only strings, numbers and JSON values")
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<WireMessage<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    stream: bool,
    stream_options: StreamOptions,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct WireMessage<'a> {
    role: &'static str,
    /// Null in an assistant's message that only calls.
    content: Option<std::borrow::Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

impl<'a> WireMessage<'a> {
    fn text(role: &'static str, text: &'a str) -> Self {
        Self {
            role,
            content: Some(text.into()),
            tool_calls: Vec::new(),
            tool_call_id: None,
        }
    }
}

impl<'a> From<&'a Message> for WireMessage<'a> {
    fn from(message: &'a Message) -> Self {
        match message {
            Message::User { text } => Self::text("user", text),
            // Thoughts stay here: most servers refuse or ignore them on the way back.
            Message::Assistant {
                text, tool_calls, ..
            } => Self {
                content: (!text.is_empty() || tool_calls.is_empty()).then(|| text.as_str().into()),
                tool_calls: tool_calls.iter().map(WireCall::from).collect(),
                ..Self::text("assistant", "")
            },
            Message::Tool {
                call_id,
                output,
                status,
                ..
            } => Self {
                content: Some(match status {
                    ToolStatus::Success => output.as_str().into(),
                    // The wire has no field for it.
                    ToolStatus::Error => format!("Error:\n{output}").into(),
                    ToolStatus::Cancelled => format!("Cancelled:\n{output}").into(),
                }),
                tool_call_id: Some(call_id.as_str()),
                ..Self::text("tool", "")
            },
        }
    }
}

#[derive(Serialize)]
struct WireCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: WireFunctionCall<'a>,
}

#[derive(Serialize)]
struct WireFunctionCall<'a> {
    name: std::borrow::Cow<'a, str>,
    arguments: String,
}

impl<'a> From<&'a ToolCall> for WireCall<'a> {
    fn from(call: &'a ToolCall) -> Self {
        Self {
            id: call.call_id.as_str(),
            r#type: "function",
            function: WireFunctionCall {
                name: to_wire(&call.name),
                arguments: args::object(&call.args).to_string(),
            },
        }
    }
}

#[derive(Serialize)]
struct WireTool<'a> {
    r#type: &'static str,
    function: WireFunction<'a>,
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: std::borrow::Cow<'a, str>,
    description: &'a str,
    parameters: &'a Value,
}

impl<'a> From<&'a ToolSpec> for WireTool<'a> {
    fn from(tool: &'a ToolSpec) -> Self {
        Self {
            r#type: "function",
            function: WireFunction {
                name: to_wire(&tool.name),
                description: &tool.description,
                parameters: &tool.parameters,
            },
        }
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
