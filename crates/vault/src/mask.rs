//! Keeping known values out of text. Every byte that belongs to an occurrence of a value is
//! covered, and each unbroken run of covered bytes becomes `***`; so overlapping occurrences hide
//! each other's rest.
//!
//! A stream is masked as it comes: what may yet turn out to be a value's beginning is held back,
//! at most as many bytes as the longest value has, so that any way of cutting the text into
//! pieces gives the same result.
//!
//! A value is found as it is, and encoded: see `forms`.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::automaton::{Automaton, START};
use crate::{Secret, forms};

/// Shorter values are not masked: they occur by chance.
pub const MIN_MASKED_CHARS: usize = 8;

const MASK: &str = "***";

/// Bytes of all encoded forms of one owner's values at most: each costs some fifty bytes of memory. The shorter
/// values come first; of those that find no room only the value itself is masked.
const ENCODED_BYTES: usize = 128 * 1024;

/// Masks a set of values. Cheap to clone.
#[derive(Clone)]
pub struct Masker {
    automaton: Arc<Automaton>,
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Masker(***)")
    }
}

impl Masker {
    /// Masks these values, those of at least [`MIN_MASKED_CHARS`] characters.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a Secret>) -> Self {
        Self::of_groups([values])
    }

    /// Masks the values of several owners: the room for encoded forms is each one's own, so that
    /// none takes another's.
    pub fn of_groups<'a, G>(groups: impl IntoIterator<Item = G>) -> Self
    where
        G: IntoIterator<Item = &'a Secret>,
    {
        let long = |value: &&Secret| value.expose_secret().chars().count() >= MIN_MASKED_CHARS;
        let mut values: Vec<&str> = Vec::new();
        let mut encoded = Vec::new();
        for group in groups {
            let group = group.into_iter().filter(long).map(Secret::expose_secret);
            let first = values.len();
            values.extend(group);
            encode_within_room(&mut values[first..], &mut encoded);
        }
        let plain = values.iter().map(|value| value.as_bytes());
        let encoded = encoded.iter().map(|form| form.as_bytes());
        Self {
            automaton: Arc::new(Automaton::new(plain.chain(encoded))),
        }
    }

    /// Masks nothing.
    pub fn empty() -> Self {
        Self::new([])
    }

    /// Whether there is nothing to mask.
    pub fn is_empty(&self) -> bool {
        self.automaton.is_empty()
    }

    /// The text without the values.
    pub fn mask(&self, text: &str) -> String {
        let mut stream = self.stream();
        let mut out = stream.push(text);
        out.push_str(&stream.finish());
        out
    }

    /// Begins to mask a text that comes in pieces.
    pub fn stream(&self) -> StreamMasker {
        StreamMasker {
            automaton: Arc::clone(&self.automaton),
            state: START,
            held: String::new(),
            covered: VecDeque::new(),
            in_run: false,
        }
    }
}

/// Adds the encoded forms of values, as far as there is room.
fn encode_within_room(values: &mut [&str], encoded: &mut Vec<Zeroizing<String>>) {
    // Keys and passwords are short; what is long (a certificate) is rarely encoded as a whole.
    values.sort_by_key(|value| value.len());
    let mut room = ENCODED_BYTES;
    for value in values {
        let forms = forms::encoded(value);
        let bytes: usize = forms.iter().map(String::len).sum();
        if bytes > room {
            break;
        }
        room -= bytes;
        encoded.extend(forms.into_iter().map(Zeroizing::new));
    }
}

/// Masks one text that comes in pieces.
pub struct StreamMasker {
    automaton: Arc<Automaton>,
    state: u32,
    /// What was read and not yet given out: it may be a value's beginning.
    held: String,
    /// What of it is covered: places in `held`, apart from each other, in order.
    covered: VecDeque<(usize, usize)>,
    /// The last byte given out was covered: its run's mask is already out.
    in_run: bool,
}

impl fmt::Debug for StreamMasker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamMasker(***)")
    }
}

impl StreamMasker {
    /// Reads a piece; answers what may be shown by now.
    pub fn push(&mut self, piece: &str) -> String {
        if self.automaton.is_empty() {
            return piece.to_owned();
        }
        let before = self.held.len();
        self.held.push_str(piece);
        for (at, byte) in piece.bytes().enumerate() {
            self.state = self.automaton.step(self.state, byte);
            let found = self.automaton.found(self.state);
            if found > 0 {
                let end = before + at + 1;
                self.cover(end - found, end);
            }
        }
        self.give_out(self.held.len() - self.automaton.open(self.state))
    }

    /// Ends the text; answers the rest.
    pub fn finish(&mut self) -> String {
        let rest = self.give_out(self.held.len());
        self.state = START;
        self.in_run = false;
        rest
    }

    /// Covers a place that ends behind all the others, melting it with those it touches.
    fn cover(&mut self, mut from: usize, to: usize) {
        while let Some((begin, end)) = self.covered.back().copied() {
            if end < from {
                break;
            }
            from = from.min(begin);
            self.covered.pop_back();
        }
        self.covered.push_back((from, to));
    }

    /// Gives out the first `decided` bytes of what is held. No occurrence that is not known by
    /// now can reach into them: it would begin there, and the automaton would know its beginning.
    fn give_out(&mut self, decided: usize) -> String {
        let mut out = String::new();
        let mut at = 0;
        while at < decided {
            let (begin, end) = match self.covered.front() {
                Some((begin, end)) => ((*begin).min(decided), (*end).min(decided)),
                None => (decided, decided),
            };
            if at < begin {
                out.push_str(&self.held[at..begin]);
                self.in_run = false;
            }
            if begin < end {
                if !self.in_run {
                    out.push_str(MASK);
                }
                self.in_run = true;
            }
            if self
                .covered
                .front()
                .is_some_and(|(_, whole)| *whole <= decided)
            {
                self.covered.pop_front();
            }
            at = end.max(begin);
        }
        self.held.drain(..decided);
        for (begin, end) in &mut self.covered {
            *begin = begin.saturating_sub(decided);
            *end -= decided;
        }
        out
    }
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
