//! A model turn as it grows: what may be shown of it already, and what it is in the end. Pure, so
//! that tests feed it any split of any text.

use llm::{ProposedCall, parse_thought};
use model::{DeltaPart, FinishReason, RunNumber, Thought, TurnDelta};

use crate::{Mask, StreamMask};

/// A thought without a subject is shown in pieces once it is this long and a paragraph ends.
const LONG_THOUGHT_BYTES: usize = 400;

/// Collects the pieces of one turn.
#[derive(Debug)]
pub(crate) struct Assembler<'a> {
    run: RunNumber,
    turn: i64,
    mask: &'a dyn Mask,
    stream: Box<dyn StreamMask>,
    /// What stands before the turn's own text on the wire: a blank line, or nothing.
    lead: &'static str,
    text: String,
    shown_bytes: usize,
    raw_thought: String,
    thoughts: Vec<Thought>,
    shown_thoughts: usize,
    calls: Vec<ProposedCall>,
}

/// What a turn is in the end, masked.
#[derive(Debug)]
pub(crate) struct Assembled {
    pub(crate) text: String,
    pub(crate) continues: bool,
    pub(crate) thoughts: Vec<Thought>,
    pub(crate) calls: Vec<ProposedCall>,
}

impl<'a> Assembler<'a> {
    /// The turn number `turn` of `run`. `before` tells whether and how the text before it ended:
    /// a segment that the provider cut goes on without a blank line.
    pub(crate) fn new(
        run: RunNumber,
        turn: i64,
        before: Option<FinishReason>,
        mask: &'a dyn Mask,
    ) -> Self {
        let lead = match before {
            None | Some(FinishReason::Cut | FinishReason::Length) => "",
            Some(FinishReason::Stop | FinishReason::ToolCalls | FinishReason::Refusal) => "\n\n",
        };
        Self {
            run,
            turn,
            mask,
            stream: mask.stream(),
            lead,
            text: String::new(),
            shown_bytes: 0,
            raw_thought: String::new(),
            thoughts: Vec::new(),
            shown_thoughts: 0,
            calls: Vec::new(),
        }
    }

    pub(crate) fn push_text(&mut self, piece: &str) {
        self.end_thought();
        let safe = self.stream.push(piece);
        self.text.push_str(&safe);
    }

    pub(crate) fn push_thought(&mut self, piece: &str) {
        self.raw_thought.push_str(piece);
        while let Some(end) = thought_end(&self.raw_thought) {
            let rest = self.raw_thought.split_off(end);
            self.end_thought();
            self.raw_thought = rest.trim_start().to_owned();
        }
    }

    pub(crate) fn push_call(&mut self, call: ProposedCall) {
        self.end_thought();
        self.calls.push(call);
    }

    /// Whether anything was collected that a reader has or could have seen.
    pub(crate) fn has_text(&self) -> bool {
        !self.text.is_empty()
    }

    /// Whether something could be shown that was not.
    pub(crate) fn has_unshown(&self) -> bool {
        self.shown_thoughts < self.thoughts.len() || self.shown_bytes < self.wire_len()
    }

    /// What can be shown and was not.
    pub(crate) fn take_deltas(&mut self) -> Vec<TurnDelta> {
        let mut parts = Vec::new();
        for (index, thought) in self.thoughts.iter().enumerate().skip(self.shown_thoughts) {
            parts.push(DeltaPart::Thought {
                index,
                thought: thought.clone(),
            });
        }
        self.shown_thoughts = self.thoughts.len();
        let wire_len = self.wire_len();
        if self.shown_bytes < wire_len {
            let wire = [self.lead, &self.text].concat();
            let text = wire[self.shown_bytes..].to_owned();
            parts.push(DeltaPart::Text {
                offset: self.shown_bytes,
                text,
            });
            self.shown_bytes = wire_len;
        }
        let (run, turn) = (self.run, self.turn);
        parts
            .into_iter()
            .map(|part| TurnDelta { run, turn, part })
            .collect()
    }

    /// Ends the turn.
    pub(crate) fn finish(mut self) -> Assembled {
        self.end_thought();
        let rest = self.stream.finish();
        self.text.push_str(&rest);
        Assembled {
            text: self.text,
            continues: !self.lead.is_empty(),
            thoughts: self.thoughts,
            calls: self.calls,
        }
    }

    fn wire_len(&self) -> usize {
        if self.text.is_empty() {
            0
        } else {
            self.lead.len() + self.text.len()
        }
    }

    fn end_thought(&mut self) {
        let raw = std::mem::take(&mut self.raw_thought);
        if !raw.trim().is_empty() {
            self.thoughts.push(parse_thought(&self.mask.mask(&raw)));
        }
    }
}

/// Where the first whole thought of `raw` ends: before the subject of the next one, or at a
/// paragraph's end when it is long.
fn thought_end(raw: &str) -> Option<usize> {
    if let Some(at) = raw
        .find("\n\n**")
        .filter(|at| !raw[..*at].trim().is_empty())
    {
        return Some(at);
    }
    let from = (LONG_THOUGHT_BYTES..raw.len()).find(|at| raw.is_char_boundary(*at))?;
    raw[from..].find("\n\n").map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoMask;
    use proptest::prelude::*;

    fn assembler(before: Option<FinishReason>) -> Assembler<'static> {
        Assembler::new(RunNumber::FIRST, 1, before, &NoMask)
    }

    proptest! {
        #[test]
        fn deltas_are_a_prefix_of_the_turn(pieces in proptest::collection::vec("[a-zé \\n]{0,9}", 0..12), later: bool) {
            let mut turn = assembler(later.then_some(FinishReason::Stop));
            let mut shown = String::new();
            for (at, piece) in pieces.iter().enumerate() {
                turn.push_text(piece);
                if at % 2 == 0 {
                    for delta in turn.take_deltas() {
                        let DeltaPart::Text { offset, text } = delta.part else { panic!("no thought") };
                        prop_assert_eq!(offset, shown.len());
                        shown.push_str(&text);
                    }
                }
            }
            let whole = turn.finish();
            let lead = if whole.continues && !whole.text.is_empty() { "\n\n" } else { "" };
            let wire = [lead, &whole.text].concat();
            prop_assert!(wire.starts_with(&shown));
            prop_assert_eq!(whole.text, pieces.concat());
        }
    }

    #[test]
    fn thoughts_are_split_at_their_subjects() {
        let mut turn = assembler(None);
        turn.push_thought("**Plan** look\n\n**Ne");
        assert_eq!(
            turn.take_deltas().len(),
            1,
            "the first thought is whole before the turn ends"
        );
        turn.push_thought("xt** write");
        turn.push_text("done");
        let whole = turn.finish();
        let subjects: Vec<_> = whole
            .thoughts
            .iter()
            .map(|t| (&*t.subject, &*t.description))
            .collect();
        assert_eq!(subjects, [("Plan", "look"), ("Next", "write")]);
    }

    #[test]
    fn a_segment_after_a_cut_joins_without_a_blank_line() {
        for (before, continues) in [
            (None, false),
            (Some(FinishReason::Cut), false),
            (Some(FinishReason::Length), false),
            (Some(FinishReason::ToolCalls), true),
        ] {
            let mut turn = assembler(before);
            turn.push_text("x");
            assert_eq!(turn.finish().continues, continues, "{before:?}");
        }
    }
}
