//! How large a request is, in tokens, without a tokenizer: what the provider counted last, or a
//! token for each four bytes.

use llm::{Message, TurnRequest};
use model::{RunFold, Usage};
use serde_json::Value;

use crate::context::View;

/// Bytes that are taken for a token. English has somewhat more, source code and most other
/// languages somewhat less.
const BYTES_PER_TOKEN: u64 = 4;

/// How large a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    bytes: u64,
    /// Of these, what every request of the run begins with.
    fixed_bytes: u64,
    pub(super) tokens: u64,
}

impl Size {
    /// Of a request for the next turn of these runs. A provider that counts too few, or does not
    /// count, is not believed.
    pub(super) fn of(request: &TurnRequest, runs: &[&RunFold]) -> Self {
        let fixed_bytes = fixed_bytes(request) as u64;
        let messages = request.messages.iter().map(message_bytes).sum::<usize>();
        let bytes = fixed_bytes + messages as u64;
        let counted = by_usage(request, runs).unwrap_or(0);
        Self {
            bytes,
            fixed_bytes,
            tokens: counted.max(bytes.div_ceil(BYTES_PER_TOKEN)),
        }
    }

    /// Tokens of what every request of the run begins with.
    pub(super) fn fixed_tokens(&self) -> u64 {
        (self.fixed_bytes * self.counted()).div_ceil(self.bytes.max(1))
    }

    /// How many bytes of such a conversation are so many tokens.
    pub(super) fn bytes_of(&self, tokens: u64) -> usize {
        let bytes = tokens.saturating_mul(self.bytes) / self.counted().max(1);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// The tokens, but not more than there are bytes: no text has so many.
    fn counted(&self) -> u64 {
        self.tokens.min(self.bytes)
    }
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
fn fixed_bytes(request: &TurnRequest) -> usize {
    let tools = request
        .tools
        .iter()
        .map(|tool| tool.name.len() + tool.description.len() + json_bytes(&tool.parameters));
    request.system.len() + tools.sum::<usize>()
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
    let new = new.map(message_bytes).sum::<usize>() as u64;
    let new = new.div_ceil(BYTES_PER_TOKEN);
    Some(
        input_tokens
            .saturating_add(output_tokens)
            .saturating_add(new),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{FinishReason, JournalEvent, JournalRow, ModelTurn, RunNumber, Seq, Timestamp};

    /// The size of a request of 4,000 bytes, half of them fixed, whose last turn cost so many tokens.
    fn size(input_tokens: u64) -> Size {
        let turn = ModelTurn {
            turn: 1,
            text: String::new(),
            continues: false,
            thoughts: Vec::new(),
            tool_calls: Vec::new(),
            finish: FinishReason::Stop,
            usage: Usage {
                input_tokens,
                output_tokens: 100,
                cached_tokens: 0,
            },
            provider_state: Value::Null,
        };
        let row = JournalRow {
            seq: Seq(1),
            run: RunNumber::FIRST,
            at: Timestamp::from_millis(0),
            event: JournalEvent::ModelTurn(turn),
        };
        let run = RunFold::of(RunNumber::FIRST, [&row]);
        let user = |bytes: usize| Message::User {
            text: "u".repeat(bytes),
        };
        let answer = Message::Assistant {
            text: String::new(),
            thoughts: Vec::new(),
            tool_calls: Vec::new(),
            provider_state: Value::Null,
        };
        let request = TurnRequest {
            model: String::new(),
            system: "s".repeat(2_000),
            messages: vec![user(1_600), answer, user(400)],
            tools: Vec::new(),
            max_output_tokens: None,
            temperature: None,
        };
        Size::of(&request, &[&run])
    }

    #[test]
    fn what_the_provider_counted_counts_where_it_is_more() {
        for (counted, tokens) in [(0, 1_000), (10, 1_000), (1_900, 2_100)] {
            let size = size(counted);
            assert_eq!((size.bytes, size.tokens), (4_000, tokens));
            assert_eq!(size.fixed_tokens(), tokens / 2);
            assert_eq!(size.bytes_of(tokens), 4_000);
        }
        // Nobody's text has more tokens than bytes; a count beyond that leaves no room for anything.
        let absurd = size(1_000_000);
        assert_eq!((absurd.bytes_of(10), absurd.fixed_tokens()), (10, 2_000));
    }
}
