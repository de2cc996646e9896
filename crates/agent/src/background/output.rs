//! What one background command has printed.

use std::collections::VecDeque;

use crate::StreamMask;

/// Bytes kept in memory: twice what a model is shown of an output.
const TAIL_BYTES: usize = 32 << 10;

/// Takes in what a command prints: decodes and masks it as it comes, so that no cut between two
/// reads can show half a secret. Offsets count the bytes of the text that results.
#[derive(Debug)]
pub(super) struct Output {
    mask: Box<dyn StreamMask>,
    undecoded: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
    read_to: u64,
}

/// A part of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) from: u64,
    pub(super) text: String,
    /// Bytes of all text so far.
    pub(super) total: u64,
    /// Bytes between the wanted place and `from`, which are no longer in memory.
    pub(super) left_out: u64,
}

impl Output {
    pub(super) fn new(mask: Box<dyn StreamMask>) -> Self {
        Self {
            mask,
            undecoded: Vec::new(),
            tail: VecDeque::new(),
            total: 0,
            read_to: 0,
        }
    }

    /// Takes in what came; gives the text that is new.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        self.undecoded.extend_from_slice(bytes);
        let text = decode(&mut self.undecoded);
        let text = self.mask.push(&text);
        self.keep(&text);
        text
    }

    /// Nothing more comes; gives the text that was held back.
    pub(super) fn finish(&mut self) -> String {
        let rest = std::mem::take(&mut self.undecoded);
        let mut text = self.mask.push(&String::from_utf8_lossy(&rest));
        text.push_str(&self.mask.finish());
        self.keep(&text);
        text
    }

    /// What was printed since the last reading, or from `offset` on. Both move the place from which
    /// the next reading goes on to the end.
    pub(super) fn read(&mut self, offset: Option<u64>) -> Part {
        let wanted = offset.unwrap_or(self.read_to).min(self.total);
        let first = self.total - self.tail.len() as u64;
        let from = wanted.max(first);
        let skipped = usize::try_from(from - first).unwrap_or(usize::MAX);
        let bytes: Vec<u8> = self.tail.iter().skip(skipped).copied().collect();
        // A place inside a character belongs to the next one.
        let inside = bytes.iter().take_while(|byte| is_inside(**byte)).count();
        let text = String::from_utf8_lossy(&bytes[inside..]).into_owned();
        self.read_to = self.total;
        Part {
            from: from + inside as u64,
            text,
            total: self.total,
            left_out: from - wanted,
        }
    }

    /// Bytes of all text so far.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    fn keep(&mut self, text: &str) {
        self.total = self.total.saturating_add(text.len() as u64);
        self.tail.extend(text.bytes());
        let excess = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..excess);
    }
}

/// Whether a byte goes on with a character that began before it.
fn is_inside(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// Takes the whole characters out of `bytes`; leaves one that has only begun. What is not UTF-8 is
/// replaced.
fn decode(bytes: &mut Vec<u8>) -> String {
    let mut text = String::new();
    let mut rest = bytes.as_slice();
    loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                rest = &[];
                break;
            }
            Err(error) => {
                let (valid, after) = rest.split_at(error.valid_up_to());
                text.push_str(&String::from_utf8_lossy(valid));
                let Some(length) = error.error_len() else {
                    rest = after;
                    break;
                };
                text.push(char::REPLACEMENT_CHARACTER);
                rest = &after[length..];
            }
        }
    }
    *bytes = rest.to_vec();
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoMask;

    fn output() -> Output {
        Output::new(Box::new(NoMask))
    }

    fn read(output: &mut Output, offset: Option<u64>) -> (u64, String) {
        let part = output.read(offset);
        (part.from, part.text)
    }

    #[test]
    fn a_reading_goes_on_where_the_last_one_ended_or_at_an_offset() {
        let mut output = output();
        output.push(b"one\n");
        assert_eq!(read(&mut output, None), (0, "one\n".to_owned()));
        assert_eq!(read(&mut output, None), (4, String::new()));
        output.push("zwölf\n".as_bytes());
        assert_eq!(read(&mut output, Some(2)), (2, "e\nzwölf\n".to_owned()));
        assert_eq!(read(&mut output, Some(7)), (8, "lf\n".to_owned()));
        assert_eq!(read(&mut output, Some(999)), (11, String::new()));
        assert_eq!(read(&mut output, None), (11, String::new()));
    }

    #[test]
    fn only_the_end_stays_in_memory_and_what_is_left_out_is_counted() {
        let mut output = output();
        output.push(&[b'a'; 10]);
        output.push(&[b'b'; TAIL_BYTES]);
        let part = output.read(None);
        assert_eq!((part.from, part.left_out), (10, 10));
        assert_eq!(part.total, 10 + TAIL_BYTES as u64);
        assert_eq!(part.text, "b".repeat(TAIL_BYTES));
    }

    #[test]
    fn characters_are_whole_however_they_are_cut() {
        let whole = "aé😀\u{FFFD}z";
        for cut in 0..whole.len() {
            let (head, tail) = whole.as_bytes().split_at(cut);
            let mut output = output();
            let shown = output.push(head) + &output.push(tail) + &output.finish();
            assert_eq!(shown, whole, "cut at {cut}");
        }
        let mut output = output();
        let shown = output.push(b"a\xFFb\xF0\x9F") + &output.finish();
        assert_eq!(shown, "a\u{FFFD}b\u{FFFD}");
    }
}
