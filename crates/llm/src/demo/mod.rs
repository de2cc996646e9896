//! A small rule-based stand-in for a model, so that a fresh installation, the examples and the
//! tests run without an account. Offline and deterministic: the same request gives the same turn.
//!
//! It decides which ordinary tool call a message asks for, and phrases what came of it. Apart from
//! arithmetic it does no work itself, and it says what it is when it has no rule. To add a rule:
//! a variant of `Intent`, a function that recognises it, and its two arms in `turn.rs`.

mod calculator;
mod intent;
mod lexer;
mod named_call;
mod phrase;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use model::{FinishReason, Usage};
use serde_json::Value;

use crate::{
    DemoConfig, Message, ModelError, Provider, Registration, TurnEvent, TurnRequest, TurnStream,
};
use turn::{Turn, next_turn};

/// More pieces than this show nothing more.
const MAX_PIECES: usize = 24;
/// Words in a piece of a short text.
const PIECE_WORDS: usize = 4;

/// How this provider is registered.
pub(crate) fn register(config: DemoConfig) -> Registration {
    Registration {
        provider: Arc::new(Demo(config)),
        general_model: Some("demo".to_owned()),
    }
}

#[derive(Debug)]
struct Demo(DemoConfig);

impl Provider for Demo {
    fn name(&self) -> &str {
        "demo"
    }

    fn stream(&self, request: TurnRequest) -> TurnStream {
        let turn = next_turn(&request);
        let usage = usage(&request, &turn);
        let thinking = Duration::from_millis(self.0.thinking_ms);
        let events = stream::iter(events(turn, usage).into_iter().map(Ok::<_, ModelError>));
        if thinking.is_zero() {
            return events.boxed();
        }
        stream::once(tokio::time::sleep(thinking))
            .flat_map(move |()| events.clone())
            .boxed()
    }
}

fn events(turn: Turn, usage: Usage) -> Vec<TurnEvent> {
    let finish = if turn.call.is_some() {
        FinishReason::ToolCalls
    } else {
        FinishReason::Stop
    };
    let mut events = Vec::new();
    events.extend(turn.thought.map(TurnEvent::Thought));
    events.extend(pieces(&turn.text).into_iter().map(TurnEvent::Text));
    events.extend(turn.call.map(TurnEvent::ToolCall));
    events.push(TurnEvent::Finished {
        finish,
        usage,
        provider_state: Value::Null,
    });
    events
}

/// The text in groups of words.
fn pieces(text: &str) -> Vec<String> {
    let words: Vec<_> = text.split_inclusive(' ').collect();
    let group = PIECE_WORDS.max(words.len().div_ceil(MAX_PIECES));
    words.chunks(group).map(<[&str]>::concat).collect()
}

/// There are no tokens here; a token counts as four bytes, so that meters have something to show.
fn usage(request: &TurnRequest, turn: &Turn) -> Usage {
    let input: usize = request.messages.iter().map(message_bytes).sum();
    let said = turn.text.len() + turn.thought.as_ref().map_or(0, String::len);
    Usage {
        input_tokens: tokens(request.system.len() + input),
        output_tokens: tokens(said),
        cached_tokens: 0,
    }
}

fn message_bytes(message: &Message) -> usize {
    match message {
        Message::User { text } | Message::Assistant { text, .. } => text.len(),
        Message::Tool { output, .. } => output.len(),
    }
}

fn tokens(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}

#[cfg(test)]
#[path = "demo_tests.rs"]
mod tests;
