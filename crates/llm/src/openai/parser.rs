//! The stream of a chat completion: bytes in, events out.

use model::{FinishReason, Usage};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::calls::CallAssembly;
use crate::events::{self, Ending, EventReader, Step};
use crate::failure::Failure;
use crate::names::ToolNames;
use crate::wire::{Arrived, Progress};
use crate::{ApiKey, ModelError, TurnEvent};

/// Reads the stream of one turn.
#[derive(Debug)]
pub(super) struct ChatParser {
    calls: CallAssembly,
    names: ToolNames,
    key: Option<ApiKey>,
    finish: Option<FinishReason>,
    usage: Usage,
    said_text: bool,
    refused: bool,
}

impl ChatParser {
    pub(super) fn new(names: ToolNames, key: Option<ApiKey>) -> Self {
        Self {
            calls: CallAssembly::default(),
            names,
            key,
            finish: None,
            usage: Usage::default(),
            said_text: false,
            refused: false,
        }
    }

    fn read_chunk(&mut self, chunk: Chunk, arrived: &mut Arrived) -> Result<(), ModelError> {
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            let failure = Failure {
                key: self.key.as_ref(),
                ..Failure::default()
            };
            return Err(failure.read_object(&error));
        }
        if let Some(usage) = chunk.usage {
            self.usage = usage.into();
        }
        // We never ask for more than one choice.
        let first = chunk.choices.into_iter().flatten().next();
        let Some(choice) = first.filter(|choice| choice.index.unwrap_or(0) == 0) else {
            return Ok(());
        };
        if let Some(delta) = choice.delta {
            self.read_delta(delta, arrived)?;
        }
        if let Some(reason) = choice.finish_reason {
            self.finish = Some(finish_reason(&reason));
        }
        Ok(())
    }

    fn read_delta(&mut self, delta: Delta, arrived: &mut Arrived) -> Result<(), ModelError> {
        // Servers that know both names of the field send the same text in both.
        let thought = delta.reasoning_content.or(delta.reasoning);
        if let Some(text) = thought.and_then(Words::into_text) {
            arrived.push_back(Ok(TurnEvent::Thought(text)));
        }
        if let Some(text) = delta.content.and_then(Words::into_text) {
            self.said_text = true;
            arrived.push_back(Ok(TurnEvent::Text(text)));
        }
        if let Some(text) = delta.refusal.filter(|text| !text.is_empty()) {
            self.said_text = true;
            self.refused = true;
            arrived.push_back(Ok(TurnEvent::Text(text)));
        }
        for call in delta.tool_calls.into_iter().flatten() {
            self.calls.add(call)?;
        }
        Ok(())
    }
}

impl EventReader for ChatParser {
    fn read(&mut self, data: &str, arrived: &mut Arrived) -> Step {
        if data == "[DONE]" {
            self.close(arrived)?;
            return Ok(Progress::Over);
        }
        self.read_chunk(events::parse(data)?, arrived)?;
        Ok(Progress::Open)
    }

    fn is_whole(&self) -> bool {
        self.finish.is_some()
    }

    fn close(&mut self, arrived: &mut Arrived) -> Result<(), ModelError> {
        let finish = self.finish.take().unwrap_or(FinishReason::Stop);
        Ending {
            finish: if self.refused {
                FinishReason::Refusal
            } else {
                finish
            },
            calls: std::mem::take(&mut self.calls).into_calls(&self.names),
            said_text: self.said_text,
            usage: self.usage,
            provider_state: Value::Null,
            refusal: String::new(),
        }
        .report(arrived)
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "length" => FinishReason::Length,
        "content_filter" => FinishReason::Refusal,
        // `stop`, and whatever a server invents: the turn is over.
        _ => FinishReason::Stop,
    }
}

#[derive(Debug, Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<ChunkUsage>,
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    index: Option<u64>,
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Delta {
    content: Option<Words>,
    refusal: Option<String>,
    reasoning_content: Option<Words>,
    reasoning: Option<Words>,
    tool_calls: Option<Vec<CallDelta>>,
}

/// Text, or a list of parts that hold text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Words {
    Text(String),
    Parts(Vec<Part>),
    Other(IgnoredAny),
}

#[derive(Debug, Deserialize)]
struct Part {
    text: Option<String>,
}

impl Words {
    /// The text, unless there is none.
    fn into_text(self) -> Option<String> {
        let text = match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
            Self::Other(_) => return None,
        };
        (!text.is_empty()).then_some(text)
    }
}

/// A piece of a call.
#[derive(Debug, Deserialize)]
pub(super) struct CallDelta {
    pub(super) index: Option<u64>,
    pub(super) id: Option<String>,
    pub(super) function: Option<FunctionDelta>,
}

/// A piece of a call's name and arguments.
#[derive(Debug, Deserialize)]
pub(super) struct FunctionDelta {
    pub(super) name: Option<String>,
    /// A piece of JSON text; some servers send the object itself.
    pub(super) arguments: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct ChunkUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Debug, Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

impl From<ChunkUsage> for Usage {
    fn from(usage: ChunkUsage) -> Self {
        Self {
            input_tokens: usage.prompt_tokens.unwrap_or(0),
            output_tokens: usage.completion_tokens.unwrap_or(0),
            cached_tokens: usage
                .prompt_tokens_details
                .and_then(|details| details.cached_tokens)
                .unwrap_or(0),
        }
    }
}

#[cfg(test)]
#[path = "parser_tests.rs"]
mod tests;
