//! Server-sent events, read from bytes that arrive in any pieces. Pure: no I/O, no clock.
//!
//! Own code, because what exists is tied to a stream of its own, fails on one wrong UTF-8 byte and
//! lets an event grow without bound. Only `data` is kept: every model wire repeats in it what
//! `event` says, and none resumes by `id`.

use crate::ModelError;

/// The largest event: far beyond any delta, far below what hurts.
const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A decoder. Feed it with [`push`](Self::push), then take events until there is none.
#[derive(Debug, Default)]
pub(crate) struct SseDecoder {
    buffer: Vec<u8>,
    /// Where the line that is being read begins in `buffer`.
    line_start: usize,
    /// Up to where `buffer` is known to hold no end of that line.
    scanned: usize,
    data: Option<Vec<u8>>,
    /// The last line ended with CR, so an LF that follows belongs to it.
    after_cr: bool,
    past_first_line: bool,
}

impl SseDecoder {
    /// Takes bytes as they came.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.line_start);
        self.scanned -= self.line_start;
        self.line_start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next event's data, if it is complete. Wrong UTF-8 becomes U+FFFD.
    ///
    /// # Errors
    /// An event beyond [`MAX_EVENT_BYTES`].
    pub(crate) fn next_event(&mut self) -> Result<Option<String>, ModelError> {
        while let Some((start, end)) = self.next_line() {
            if start < end {
                self.take_field(start, end);
            } else if let Some(data) = self.data.take() {
                return Ok(Some(String::from_utf8_lossy(&data).into_owned()));
            }
        }
        let held = self.buffer.len() - self.line_start + self.data.as_ref().map_or(0, Vec::len);
        if held > MAX_EVENT_BYTES {
            return Err(ModelError::malformed("an event without end"));
        }
        Ok(None)
    }

    /// What stands at the end of the stream without its closing blank line.
    pub(crate) fn finish(&mut self) -> Option<String> {
        if self.line_start < self.buffer.len() {
            self.take_field(self.line_start, self.buffer.len());
            self.line_start = self.buffer.len();
            self.scanned = self.line_start;
        }
        let data = self.data.take()?;
        Some(String::from_utf8_lossy(&data).into_owned())
    }

    fn next_line(&mut self) -> Option<(usize, usize)> {
        if self.after_cr && self.line_start < self.buffer.len() {
            self.after_cr = false;
            if self.buffer[self.line_start] == b'\n' {
                self.line_start += 1;
                self.scanned = self.scanned.max(self.line_start);
            }
        }
        let ending = self.buffer[self.scanned..]
            .iter()
            .position(|&byte| byte == b'\n' || byte == b'\r');
        let Some(offset) = ending else {
            self.scanned = self.buffer.len();
            return None;
        };
        let (start, end) = (self.line_start, self.scanned + offset);
        self.after_cr = self.buffer[end] == b'\r';
        self.line_start = end + 1;
        self.scanned = self.line_start;
        Some((start, end))
    }

    fn take_field(&mut self, start: usize, end: usize) {
        let mut line = &self.buffer[start..end];
        if !self.past_first_line {
            self.past_first_line = true;
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        let Some(rest) = line.strip_prefix(b"data") else {
            return;
        };
        let value = match rest {
            [] => rest,
            [b':', b' ', value @ ..] | [b':', value @ ..] => value,
            // Another field whose name begins with "data".
            [..] => return,
        };
        match &mut self.data {
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            None => self.data = Some(value.to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(pieces: &[&[u8]]) -> Vec<String> {
        let mut decoder = SseDecoder::default();
        let mut events = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            while let Some(event) = decoder.next_event().unwrap() {
                events.push(event);
            }
        }
        events.extend(decoder.finish());
        events
    }

    #[test]
    fn every_line_ending_and_field_form_is_read() {
        let stream = "\u{feff}data: one\r\n\r\n: comment\nevent: x\ndata:two\ndata: lines\nid: 1\n\
                      dataset: no\n\ndata\n\r\rdata:  spaced\r\rretry: 5\n\ndata: \u{fffd}\u{1F600}";
        let expected = ["one", "two\nlines", "", " spaced", "\u{fffd}\u{1F600}"];
        assert_eq!(decode(&[stream.as_bytes()]), expected);
        let bytes: Vec<_> = stream.as_bytes().chunks(1).collect();
        assert_eq!(decode(&bytes), expected);
        for at in 0..stream.len() {
            let (a, b) = stream.as_bytes().split_at(at);
            assert_eq!(decode(&[a, b]), expected, "split at {at}");
        }
    }

    #[test]
    fn wrong_utf8_is_replaced() {
        assert_eq!(decode(&[b"data: a\xffb\n\n"]), ["a\u{fffd}b"]);
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut decoder = SseDecoder::default();
        decoder.push(b"data: ");
        let piece = vec![b'x'; MAX_EVENT_BYTES];
        decoder.push(&piece);
        assert!(matches!(
            decoder.next_event(),
            Err(ModelError::Malformed { .. })
        ));
    }
}
