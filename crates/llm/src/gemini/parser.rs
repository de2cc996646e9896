//! The stream of a generated content: events in, a turn out. Every event is a whole response with
//! the parts that are new in it; the stream ends with its last event.

use model::{FinishReason, Usage};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::events::{self, Ending, EventReader, Step};
use crate::failure::Failure;
use crate::names::ToolNames;
use crate::replay::{Layout, Origin};
use crate::wire::{Arrived, Progress};
use crate::{ApiKey, ModelError, ProposedCall, TurnEvent};

/// More calls than any turn has; bounds what a hostile server can make us hold.
const MAX_CALLS: usize = 256;
/// More signed parts than any turn has.
const MAX_SIGNATURES: usize = 4_096;

/// Reads the stream of one turn.
#[derive(Debug)]
pub(super) struct ContentParser {
    names: ToolNames,
    key: Option<ApiKey>,
    origin: Origin,
    layout: Layout,
    signatures: usize,
    calls: Vec<ProposedCall>,
    finish: Option<FinishReason>,
    /// Why the prompt or the answer was refused.
    refusal: String,
    usage: Usage,
    said_text: bool,
}

impl ContentParser {
    pub(super) fn new(names: ToolNames, key: Option<ApiKey>, origin: Origin) -> Self {
        Self {
            names,
            key,
            origin,
            layout: Layout::default(),
            signatures: 0,
            calls: Vec::new(),
            finish: None,
            refusal: String::new(),
            usage: Usage::default(),
            said_text: false,
        }
    }

    fn read_part(&mut self, part: Part, arrived: &mut Arrived) -> Result<(), ModelError> {
        let signature = part.thought_signature.filter(|text| !text.is_empty());
        self.signatures += usize::from(signature.is_some());
        if self.signatures > MAX_SIGNATURES {
            return Err(ModelError::malformed("more signed parts than any turn has"));
        }
        if let Some(call) = part.function_call {
            if self.calls.len() == MAX_CALLS {
                return Err(ModelError::malformed("more tool calls than any turn has"));
            }
            self.layout.push_call(signature);
            self.calls.push(ProposedCall {
                id: call.id.filter(|id| !id.is_empty()),
                name: self.names.own_name(call.name.unwrap_or_default()),
                args: call
                    .args
                    .filter(|args| !args.is_null())
                    .unwrap_or_else(|| Value::Object(Map::new())),
            });
            return Ok(());
        }
        let text = part.text.unwrap_or_default();
        if part.thought.unwrap_or(false) {
            if let Some(signature) = signature {
                self.layout.push_raw(
                    json!({"text": text, "thought": true, "thoughtSignature": signature}),
                );
            }
            if !text.is_empty() {
                arrived.push_back(Ok(TurnEvent::Thought(text)));
            }
            return Ok(());
        }
        if !text.is_empty() || signature.is_some() {
            self.layout.push_text(text.len(), signature);
        }
        if !text.is_empty() {
            self.said_text = true;
            arrived.push_back(Ok(TurnEvent::Text(text)));
        }
        Ok(())
    }

    fn read_end(&mut self, reason: &str, message: Option<String>) -> Result<(), ModelError> {
        let finish = finish_reason(reason)?;
        if finish == FinishReason::Refusal {
            self.refuse(reason, message);
        } else {
            self.finish = Some(finish);
        }
        Ok(())
    }

    fn refuse(&mut self, reason: &str, message: Option<String>) {
        self.finish = Some(FinishReason::Refusal);
        let words = message.unwrap_or_else(|| reason.to_owned());
        let failure = Failure {
            key: self.key.as_ref(),
            ..Failure::default()
        };
        self.refusal = failure.excerpt(&words);
    }
}

impl EventReader for ContentParser {
    fn read(&mut self, data: &str, arrived: &mut Arrived) -> Step {
        let chunk: Chunk = events::parse(data)?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            let failure = Failure {
                key: self.key.as_ref(),
                ..Failure::default()
            };
            return Err(failure.read_object(&error));
        }
        if let Some(usage) = chunk.usage_metadata {
            self.usage = usage.into();
        }
        let feedback = chunk.prompt_feedback;
        if let Some(reason) = feedback.and_then(|feedback| feedback.block_reason) {
            self.refuse(&reason, None);
        }
        // We never ask for more than one candidate.
        let Some(candidate) = chunk.candidates.into_iter().flatten().next() else {
            return Ok(Progress::Open);
        };
        let parts = candidate.content.and_then(|content| content.parts);
        for part in parts.into_iter().flatten() {
            self.read_part(part, arrived)?;
        }
        if let Some(reason) = candidate.finish_reason {
            self.read_end(&reason, candidate.finish_message)?;
        }
        Ok(Progress::Open)
    }

    fn is_whole(&self) -> bool {
        self.finish.is_some()
    }

    fn close(&mut self, arrived: &mut Arrived) -> Result<(), ModelError> {
        Ending {
            finish: self.finish.take().unwrap_or(FinishReason::Stop),
            calls: std::mem::take(&mut self.calls),
            said_text: self.said_text,
            usage: self.usage,
            provider_state: std::mem::take(&mut self.layout).into_state(&self.origin),
            refusal: std::mem::take(&mut self.refusal),
        }
        .report(arrived)
    }
}

/// # Errors
/// A call that the model wrote wrongly: it is dropped by the API, and asking again helps.
fn finish_reason(reason: &str) -> Result<FinishReason, ModelError> {
    Ok(match reason {
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
        | "IMAGE_SAFETY" => FinishReason::Refusal,
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "MALFORMED_RESPONSE" => {
            return Err(ModelError::malformed("a call of a tool"));
        }
        // `STOP`, `OTHER`, and what the API may add: the turn is over.
        _ => FinishReason::Stop,
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    candidates: Option<Vec<Candidate>>,
    prompt_feedback: Option<PromptFeedback>,
    usage_metadata: Option<UsageMetadata>,
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<String>,
    finish_message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Content {
    parts: Option<Vec<Part>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    text: Option<String>,
    thought: Option<bool>,
    thought_signature: Option<String>,
    function_call: Option<FunctionCall>,
}

#[derive(Debug, Deserialize)]
struct FunctionCall {
    /// Most servers send none.
    id: Option<String>,
    name: Option<String>,
    args: Option<Value>,
}

/// Running totals.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UsageMetadata {
    /// The cached ones included.
    prompt_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
    tool_use_prompt_token_count: Option<u64>,
    /// Without the thoughts.
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
}

impl From<UsageMetadata> for Usage {
    fn from(usage: UsageMetadata) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>| a.unwrap_or(0).saturating_add(b.unwrap_or(0));
        Self {
            input_tokens: sum(usage.prompt_token_count, usage.tool_use_prompt_token_count),
            output_tokens: sum(usage.candidates_token_count, usage.thoughts_token_count),
            cached_tokens: usage.cached_content_token_count.unwrap_or(0),
        }
    }
}

#[cfg(test)]
#[path = "parser_tests.rs"]
mod tests;
