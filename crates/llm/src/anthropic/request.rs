//! What a request for a turn holds. Its bytes depend on the turn alone.

use std::borrow::Cow;

use model::ToolStatus;
use serde_json::{Map, Value};

use super::body::{Body, CacheControl, OwnBlock, Part, Role, WireMessage, WireTool};
use super::provider::NAME;
use super::thinking::Thinking;
use crate::names::to_wire;
use crate::replay::{Origin, Piece, pieces};
use crate::{Message, ToolSpec, TurnRequest, args};

/// The longest answer where the request names none, thoughts included; the API wants a number.
/// Every model from version 4 on can do that.
const MAX_TOKENS: u32 = 32_000;

/// The body of the request for `turn`.
pub(super) fn body(turn: &TurnRequest) -> Vec<u8> {
    let max_tokens = turn.max_output_tokens.unwrap_or(MAX_TOKENS);
    let temperature = turn.temperature.filter(|value| value.is_finite());
    let mut conversation = Conversation::new(turn);
    conversation.cache();
    // Thinking allows no temperature but its own.
    let may_think = temperature.is_none() && conversation.may_think;
    let mut system: Vec<_> = text(&turn.system).into_iter().collect();
    if let Some(last) = system.last_mut() {
        last.cache_control = Some(CacheControl::Ephemeral);
    }
    let body = Body {
        model: &turn.model,
        max_tokens,
        system,
        tools: turn.tools.iter().map(WireTool::from).collect(),
        messages: conversation.messages,
        thinking: Thinking::of(&turn.model, max_tokens).filter(|_| may_think),
        temperature,
        stream: true,
    };
    serde_json::to_vec(&body).expect("a body holds only strings, numbers and JSON values")
}

/// The messages in the shape that the API wants: roles alternate, no message is empty.
struct Conversation<'a> {
    messages: Vec<WireMessage<'a>>,
    /// Whether the turns since the user last spoke begin with their thoughts. If one does not (it
    /// was another model's), the API does not go on thinking after its calls.
    may_think: bool,
}

impl<'a> Conversation<'a> {
    fn new(turn: &'a TurnRequest) -> Self {
        let origin = Origin {
            provider: NAME,
            model: turn.model.clone(),
        };
        let mut conversation = Self {
            messages: Vec::new(),
            may_think: true,
        };
        for message in &turn.messages {
            conversation.add(&origin, message);
        }
        conversation
    }

    fn add(&mut self, origin: &Origin, message: &'a Message) {
        match message {
            Message::User { text: said } => {
                self.may_think = true;
                self.push(Role::User, text(said));
            }
            Message::Assistant {
                text,
                tool_calls,
                provider_state,
                ..
            } => {
                let pieces = pieces(origin, text, tool_calls, provider_state);
                // Thoughts alone are no message.
                if pieces.iter().all(|piece| matches!(piece, Piece::Raw(_))) {
                    return;
                }
                let thinks_first = matches!(pieces.first(), Some(Piece::Raw(_)));
                self.may_think &= thinks_first || tool_calls.is_empty();
                self.push(Role::Assistant, pieces.into_iter().filter_map(part));
            }
            Message::Tool {
                call_id,
                output,
                status,
                ..
            } => {
                let content = match (output.trim().is_empty(), status) {
                    (false, _) => output.as_str(),
                    (true, ToolStatus::Success) => "",
                    // The API wants an error to say something.
                    (true, ToolStatus::Error) => "Error",
                    (true, ToolStatus::Cancelled) => "Cancelled",
                };
                let result = OwnBlock::ToolResult {
                    tool_use_id: to_wire(call_id.as_str()),
                    content,
                    is_error: *status != ToolStatus::Success,
                };
                self.push(Role::User, [Part::from(result)]);
            }
        }
    }

    /// Adds to the last message if it is of that role.
    fn push(&mut self, role: Role, parts: impl IntoIterator<Item = Part<'a>>) {
        let mut parts = parts.into_iter().peekable();
        if parts.peek().is_none() {
            return;
        }
        match self.messages.last_mut() {
            Some(last) if last.role == role => last.content.extend(parts),
            Some(_) | None => self.messages.push(WireMessage {
                role,
                content: parts.collect(),
            }),
        }
    }

    /// Has all be cached up to what was said last: the next request begins with the same.
    fn cache(&mut self) {
        let said = self.messages.iter_mut().rev();
        let last = said
            .filter(|message| message.role == Role::User)
            .find_map(|message| message.content.last_mut());
        if let Some(last) = last {
            last.cache_control = Some(CacheControl::Ephemeral);
        }
    }
}

/// A block of text, unless it is blank.
fn text(text: &str) -> Option<Part<'_>> {
    (!text.trim().is_empty()).then(|| Part::from(OwnBlock::Text { text }))
}

fn part(piece: Piece<'_>) -> Option<Part<'_>> {
    match piece {
        Piece::Raw(block) => block.is_object().then(|| Part::raw(block)),
        Piece::Text(said, _) => text(said),
        Piece::Call(call, _) => Some(Part::from(OwnBlock::ToolUse {
            id: to_wire(call.call_id.as_str()),
            name: to_wire(&call.name),
            input: args::object(&call.args),
        })),
    }
}

impl<'a> From<&'a ToolSpec> for WireTool<'a> {
    fn from(tool: &'a ToolSpec) -> Self {
        Self {
            name: to_wire(&tool.name),
            description: &tool.description,
            input_schema: schema(&tool.parameters),
        }
    }
}

/// The schema; the API wants its type said.
fn schema(parameters: &Value) -> Cow<'_, Value> {
    if parameters["type"] == "object" {
        return Cow::Borrowed(parameters);
    }
    let mut schema = Map::from_iter([("type".to_owned(), Value::from("object"))]);
    let known = parameters.as_object().into_iter().flatten();
    schema.extend(
        known
            .filter(|(key, _)| *key != "type")
            .map(|(key, value)| (key.clone(), value.clone())),
    );
    Cow::Owned(Value::Object(schema))
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
