//! What the tests of all parsers share.

use model::{FinishReason, Usage};
use serde_json::Value;

use crate::wire::{Arrived, Progress, WireParser};
use crate::{ModelError, ProposedCall, TurnEvent};

/// What a stream gave, text and thoughts joined: pieces may be cut anywhere.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) text: String,
    pub(crate) thought: String,
    pub(crate) calls: Vec<ProposedCall>,
    pub(crate) finish: Option<FinishReason>,
    pub(crate) usage: Usage,
    pub(crate) provider_state: Value,
    pub(crate) error: Option<String>,
}

/// Feeds a parser, and ends it if it does not end by itself.
pub(crate) fn run_pieces(mut parser: impl WireParser, pieces: &[&[u8]]) -> Outcome {
    let mut arrived = Arrived::new();
    let over = pieces
        .iter()
        .any(|piece| parser.feed(piece, &mut arrived) == Progress::Over);
    if !over {
        parser.end(ModelError::Cut { source: None }, &mut arrived);
    }
    let mut outcome = Outcome::default();
    for event in arrived {
        assert!(
            outcome.finish.is_none() && outcome.error.is_none(),
            "nothing comes after the end"
        );
        match event {
            Ok(TurnEvent::Text(text)) => outcome.text.push_str(&text),
            Ok(TurnEvent::Thought(text)) => outcome.thought.push_str(&text),
            Ok(TurnEvent::ToolCall(call)) => outcome.calls.push(call),
            Ok(TurnEvent::Finished {
                finish,
                usage,
                provider_state,
            }) => {
                outcome.finish = Some(finish);
                outcome.usage = usage;
                outcome.provider_state = provider_state;
            }
            Err(error) => outcome.error = Some(format!("{error:?}")),
        }
    }
    assert!(
        outcome.finish.is_some() || outcome.error.is_some(),
        "every turn ends"
    );
    outcome
}
