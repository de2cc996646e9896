//! What is said of a model turn before it is a fact. Previews are never stored; every one of them
//! is contained in the [`ModelTurn`](crate::ModelTurn) row that closes the turn.

use serde::{Deserialize, Serialize};

use crate::{RunNumber, Thought};

/// A piece of an open model turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnDelta {
    /// The run.
    pub run: RunNumber,
    /// The turn's number in its run, from 1.
    pub turn: i64,
    /// The piece.
    pub part: DeltaPart,
}

/// See [`TurnDelta`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeltaPart {
    /// More text.
    Text {
        /// Where it begins: bytes of the turn's wire text before it.
        offset: usize,
        /// The text, as clients see it (masked, with the blank line of a later segment).
        text: String,
    },
    /// One more thought.
    Thought {
        /// Its number in the turn, from 0.
        index: usize,
        /// The thought.
        thought: Thought,
    },
}

/// All that was previewed of an open turn so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTurn {
    /// The run.
    pub run: RunNumber,
    /// The turn's number in its run.
    pub turn: i64,
    /// The wire text so far.
    pub text: String,
    /// The thoughts so far.
    pub thoughts: Vec<Thought>,
}

impl OpenTurn {
    /// A turn of which nothing was previewed.
    pub fn new(run: RunNumber, turn: i64) -> Self {
        Self {
            run,
            turn,
            text: String::new(),
            thoughts: Vec::new(),
        }
    }

    /// Takes one more piece; a piece of a later turn starts anew.
    pub fn apply(&mut self, delta: &TurnDelta) {
        if (delta.run, delta.turn) != (self.run, self.turn) {
            *self = Self::new(delta.run, delta.turn);
        }
        match &delta.part {
            DeltaPart::Text { offset, text } if *offset == self.text.len() => {
                self.text.push_str(text);
            }
            DeltaPart::Thought { index, thought } if *index == self.thoughts.len() => {
                self.thoughts.push(thought.clone());
            }
            // A piece that does not join is contained in what came before it.
            DeltaPart::Text { .. } | DeltaPart::Thought { .. } => {}
        }
    }
}
