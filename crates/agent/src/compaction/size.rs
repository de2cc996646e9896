//! How large a request is, in tokens, without a tokenizer: what the provider counted last, or a
//! token for each four bytes.

use llm::{Message, TurnRequest};
use model::{RunFold, Usage};
use serde_json::Value;

use crate::context::View;

/// Bytes that are taken for a token. English has somewhat more, source code and most other
/// languages somewhat less.
pub(super) const BYTES_PER_TOKEN: u64 = 4;

/// Tokens of so many bytes.
pub(super) fn tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(BYTES_PER_TOKEN)
}

/// Bytes of a message as far as a provider reads it. Thoughts are sent back, if at all, in the state
/// of the provider that made them.
pub(super) fn message_bytes(message: &Message) -> usize {
    match message {
        Message::User { text } => text.len(),
        Message::Assistant {
            text,
            tool_calls,
            provider_state,
            thoughts: _,
        } => {
            let calls = tool_calls.iter();
            let calls = calls.map(|call| call.name.len() + json_bytes(&call.args));
            text.len() + calls.sum::<usize>() + json_bytes(provider_state)
        }
        Message::Tool { name, output, .. } => name.len() + output.len(),
    }
}

fn json_bytes(value: &Value) -> usize {
    if value.is_null() {
        return 0;
    }
    value.to_string().len()
}

/// Bytes of what every request of a run begins with: the system prompt and the tools.
pub(super) fn fixed_bytes(request: &TurnRequest) -> usize {
    let tools = request
        .tools
        .iter()
        .map(|tool| tool.name.len() + tool.description.len() + json_bytes(&tool.parameters));
    request.system.len() + tools.sum::<usize>()
}

/// Tokens of a request. A provider that counts too few, or does not count, is not believed.
pub(super) fn request_tokens(request: &TurnRequest, runs: &[&RunFold]) -> u64 {
    let messages = request.messages.iter().map(message_bytes).sum::<usize>();
    let by_bytes = tokens(fixed_bytes(request) + messages);
    by_bytes.max(by_usage(request, runs).unwrap_or(0))
}

/// What the provider counted for the last turn, and what came after it; absent when it counted
/// nothing since the last summary.
fn by_usage(request: &TurnRequest, runs: &[&RunFold]) -> Option<u64> {
    let run = runs.iter().rev().find(|run| !run.turns().is_empty())?;
    let turn = run.turns().last()?;
    let Usage {
        input_tokens,
        output_tokens,
        cached_tokens: _,
    } = turn.usage;
    let view = View::of(runs.iter().copied());
    if input_tokens == 0 || view.is_before(run.run(), turn.turn) {
        return None;
    }
    let is_answer = |message: &&Message| !matches!(message, Message::Assistant { .. });
    let new = request.messages.iter().rev().take_while(is_answer);
    let new = tokens(new.map(message_bytes).sum());
    Some(
        input_tokens
            .saturating_add(output_tokens)
            .saturating_add(new),
    )
}
