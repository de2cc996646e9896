//! Earlier turns of the model's, given back as they came. Some providers sign their thoughts, or
//! the parts that follow from them, and want these back unchanged and in their places. A turn's
//! [`Layout`] is its provider state: text and calls are in the journal already, so of them it
//! holds the places only.
//!
//! It says which model of which provider made it, and is ignored by every other: a conversation
//! may go on with another model.

use model::ToolCall;
use serde_json::{Value, json};

/// Who may read a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) provider: &'static str,
    pub(crate) model: String,
}

/// The parts of a turn, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    /// Given back as it is.
    Raw(Value),
    /// So many bytes of the turn's text.
    Text(usize, Option<String>),
    /// The next call.
    Call(Option<String>),
}

impl Layout {
    pub(crate) fn push_raw(&mut self, part: Value) {
        self.parts.push(Part::Raw(part));
    }

    /// Adds text; what follows on other text without a signature belongs to that.
    pub(crate) fn push_text(&mut self, bytes: usize, signature: Option<String>) {
        match (self.parts.last_mut(), signature) {
            (Some(Part::Text(length, None)), None) => *length += bytes,
            (_, signature) => self.parts.push(Part::Text(bytes, signature)),
        }
    }

    pub(crate) fn push_call(&mut self, signature: Option<String>) {
        self.parts.push(Part::Call(signature));
    }

    /// The layout as a provider state; null if nothing in it has to be given back.
    pub(crate) fn into_state(self, origin: &Origin) -> Value {
        let says_nothing = self
            .parts
            .iter()
            .all(|part| matches!(part, Part::Text(_, None) | Part::Call(None)));
        if says_nothing {
            return Value::Null;
        }
        let parts: Vec<_> = self.parts.into_iter().map(Part::into_json).collect();
        json!({"provider": origin.provider, "model": origin.model, "parts": parts})
    }
}

impl Part {
    fn into_json(self) -> Value {
        let (mut part, signature) = match self {
            Self::Raw(raw) => (json!({"raw": raw}), None),
            Self::Text(bytes, signature) => (json!({"text": bytes}), signature),
            Self::Call(signature) => (json!({"call": true}), signature),
        };
        if let Some(signature) = signature {
            part["signature"] = Value::String(signature);
        }
        part
    }
}

/// A part of an earlier turn, to be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Piece<'a> {
    /// What the provider gave to be given back.
    Raw(&'a Value),
    /// Text; may be empty if it is signed.
    Text(&'a str, Option<&'a str>),
    /// A call.
    Call(&'a ToolCall, Option<&'a str>),
}

/// An earlier turn in the order in which it came, if `state` tells it; else text, then calls.
/// Everything of `text` and `calls` appears exactly once, whatever `state` says.
pub(crate) fn pieces<'a>(
    origin: &Origin,
    text: &'a str,
    calls: &'a [ToolCall],
    state: &'a Value,
) -> Vec<Piece<'a>> {
    let is_ours = state["provider"] == origin.provider && state["model"] == origin.model.as_str();
    let parts = state["parts"].as_array().filter(|_| is_ours);
    let parts = parts.map_or(&[][..], Vec::as_slice);
    let mut texts = split(text, parts).into_iter();
    let mut calls = calls.iter();
    let mut pieces = Vec::new();
    for part in parts {
        let signature = part["signature"].as_str();
        if let Some(raw) = part.get("raw") {
            pieces.push(Piece::Raw(raw));
        } else if part.get("call").is_some() {
            // Text without a place of its own is still said before anything is done.
            pieces.extend(rest(&mut texts, parts));
            pieces.extend(calls.next().map(|call| Piece::Call(call, signature)));
        } else if let Some(text) = texts.next() {
            pieces.push(Piece::Text(text, signature));
        }
    }
    pieces.extend(texts.map(|text| Piece::Text(text, None)));
    pieces.extend(calls.map(|call| Piece::Call(call, None)));
    pieces.retain(|piece| !matches!(piece, Piece::Text("", None)));
    pieces
}

/// The text, if no part claims any.
fn rest<'a>(texts: &mut impl Iterator<Item = &'a str>, parts: &[Value]) -> Option<Piece<'a>> {
    let claimed = parts.iter().any(|part| part.get("text").is_some());
    let text = if claimed { None } else { texts.next() };
    text.map(|text| Piece::Text(text, None))
}

/// The text cut into the lengths that the parts say. A text that is not as long as it was (a
/// secret in it was masked) is the first of them as a whole, and the others are empty.
fn split<'a>(text: &'a str, parts: &[Value]) -> Vec<&'a str> {
    let lengths = || {
        let parts = parts.iter().filter_map(|part| part.get("text"));
        parts.map(|length| {
            length
                .as_u64()
                .and_then(|length| usize::try_from(length).ok())
        })
    };
    let mut left = text;
    let cut = lengths().map(|length| {
        let (piece, after) = left.split_at_checked(length?)?;
        left = after;
        Some(piece)
    });
    let cut: Option<Vec<_>> = cut.collect();
    if let Some(cut) = cut
        && left.is_empty()
    {
        return cut;
    }
    let empty = lengths().skip(1).map(|_| "");
    std::iter::once(text).chain(empty).collect()
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
