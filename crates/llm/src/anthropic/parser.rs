//! The stream of a message: events in, a turn out.

use model::{FinishReason, Usage};
use serde::Deserialize;
use serde_json::Value;

use super::blocks::{Blocks, Shown};
use crate::events::{self, Ending, EventReader, Step};
use crate::failure::Failure;
use crate::names::ToolNames;
use crate::replay::Origin;
use crate::wire::{Arrived, Progress};
use crate::{ApiKey, ModelError, TurnEvent};

/// Reads the stream of one turn.
#[derive(Debug)]
pub(super) struct MessageParser {
    blocks: Blocks,
    names: ToolNames,
    key: Option<ApiKey>,
    origin: Origin,
    stop_reason: Option<String>,
    usage: MessageUsage,
    said_text: bool,
}

impl MessageParser {
    pub(super) fn new(names: ToolNames, key: Option<ApiKey>, origin: Origin) -> Self {
        Self {
            blocks: Blocks::default(),
            names,
            key,
            origin,
            stop_reason: None,
            usage: MessageUsage::default(),
            said_text: false,
        }
    }

    fn show(&mut self, shown: Option<Shown>, arrived: &mut Arrived) {
        let event = match shown {
            None => return,
            Some(Shown::Text(text)) => {
                self.said_text = true;
                TurnEvent::Text(text)
            }
            Some(Shown::Thought(text)) => TurnEvent::Thought(text),
        };
        arrived.push_back(Ok(event));
    }

    fn failure(&self, error: &Value) -> ModelError {
        let failure = Failure {
            key: self.key.as_ref(),
            ..Failure::default()
        };
        failure.read_object(error)
    }
}

impl EventReader for MessageParser {
    fn read(&mut self, data: &str, arrived: &mut Arrived) -> Step {
        let event: Event = events::parse(data)?;
        let index = event.index.unwrap_or(0);
        match event.r#type.as_str() {
            "message_start" => {
                let usage = event.message.and_then(|message| message.usage);
                self.usage.update(usage);
            }
            "content_block_start" => {
                let start = event
                    .content_block
                    .ok_or_else(|| ModelError::malformed("the start of a block without it"))?;
                let shown = self.blocks.start(index, start)?;
                self.show(shown, arrived);
            }
            "content_block_delta" => {
                let delta = event.delta.unwrap_or_default();
                let shown = self.blocks.add(index, delta)?;
                self.show(shown, arrived);
            }
            "message_delta" => {
                self.usage.update(event.usage);
                if let Some(reason) = event.delta.and_then(|delta| delta.stop_reason) {
                    self.stop_reason = Some(reason);
                }
            }
            "message_stop" => {
                self.close(arrived)?;
                return Ok(Progress::Over);
            }
            "error" => return Err(self.failure(&event.error.unwrap_or_default())),
            // `ping`, `content_block_stop`, and what the API may add: it asks to ignore that.
            _ => {}
        }
        Ok(Progress::Open)
    }

    fn is_whole(&self) -> bool {
        self.stop_reason.is_some()
    }

    fn close(&mut self, arrived: &mut Arrived) -> Result<(), ModelError> {
        let reason = self.stop_reason.take().unwrap_or_default();
        let (calls, layout) = std::mem::take(&mut self.blocks).finish(&self.names);
        let is_full = reason == "model_context_window_exceeded";
        if is_full && !self.said_text && calls.is_empty() {
            return Err(ModelError::ContextOverflow);
        }
        Ending {
            finish: finish_reason(&reason),
            calls,
            said_text: self.said_text,
            usage: self.usage.into(),
            provider_state: layout.into_state(&self.origin),
            refusal: String::new(),
        }
        .report(arrived)
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "tool_use" => FinishReason::ToolCalls,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "refusal" => FinishReason::Refusal,
        // `end_turn`, `stop_sequence`, and what the API may add: the turn is over.
        _ => FinishReason::Stop,
    }
}

#[derive(Debug, Deserialize)]
struct Event {
    r#type: String,
    index: Option<u64>,
    message: Option<MessageStart>,
    content_block: Option<BlockStart>,
    delta: Option<Delta>,
    usage: Option<MessageUsage>,
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct MessageStart {
    usage: Option<MessageUsage>,
}

/// How a block begins, whatever its type.
#[derive(Debug, Deserialize)]
pub(super) struct BlockStart {
    pub(super) r#type: String,
    pub(super) text: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) data: Option<String>,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) input: Option<Value>,
}

/// A piece of a block, or of the message itself.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Delta {
    pub(super) text: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) partial_json: Option<String>,
    stop_reason: Option<String>,
}

/// Tokens as the wire counts them: those of the request in three parts, all of them running totals.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct MessageUsage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl MessageUsage {
    /// Takes what is said; the end of a message repeats only some of the numbers.
    fn update(&mut self, newer: Option<Self>) {
        let newer = newer.unwrap_or_default();
        self.input_tokens = newer.input_tokens.or(self.input_tokens);
        self.cache_creation_input_tokens = newer
            .cache_creation_input_tokens
            .or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens = newer
            .cache_read_input_tokens
            .or(self.cache_read_input_tokens);
        self.output_tokens = newer.output_tokens.or(self.output_tokens);
    }
}

impl From<MessageUsage> for Usage {
    fn from(usage: MessageUsage) -> Self {
        let read = usage.cache_read_input_tokens.unwrap_or(0);
        let written = usage.cache_creation_input_tokens.unwrap_or(0);
        Self {
            input_tokens: usage
                .input_tokens
                .unwrap_or(0)
                .saturating_add(read)
                .saturating_add(written),
            output_tokens: usage.output_tokens.unwrap_or(0),
            cached_tokens: read,
        }
    }
}

#[cfg(test)]
#[path = "parser_tests.rs"]
mod tests;
