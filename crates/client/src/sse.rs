//! Server-sent events, read from bytes that arrive in any pieces. Pure: no I/O, no clock.
//!
//! Own code, because what exists is tied to a stream of its own, fails on one wrong UTF-8 byte and
//! lets an event grow without bound.

use crate::Error;

/// The largest event: a whole answer with its tool outputs stays far below.
const MAX_EVENT_BYTES: usize = 64 * 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A block of the stream: what stands between two blank lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Block {
    /// The `event:` line; `message` if there was none.
    pub(crate) name: String,
    /// The `data:` lines, joined by line feeds.
    pub(crate) data: String,
    /// The `id:` line of this very block.
    pub(crate) id: Option<String>,
}

/// A decoder. Feed it with [`push`](Self::push), then take blocks until there is none.
#[derive(Debug, Default)]
pub(crate) struct SseDecoder {
    buffer: Vec<u8>,
    /// Where the line that is being read begins in `buffer`.
    line_start: usize,
    /// Up to where `buffer` is known to hold no end of that line.
    scanned: usize,
    name: Vec<u8>,
    data: Option<Vec<u8>>,
    id: Option<Vec<u8>>,
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

    /// The next block with data, if it is complete. Wrong UTF-8 becomes U+FFFD. What the stream
    /// ends in without a blank line is no block.
    ///
    /// # Errors
    /// A block beyond [`MAX_EVENT_BYTES`].
    pub(crate) fn next_block(&mut self) -> Result<Option<Block>, Error> {
        while let Some((start, end)) = self.next_line() {
            if start < end {
                self.take_field(start, end);
                continue;
            }
            let name = std::mem::take(&mut self.name);
            let id = self.id.take();
            if let Some(data) = self.data.take() {
                return Ok(Some(Block {
                    name: if name.is_empty() {
                        "message".to_owned()
                    } else {
                        text(&name)
                    },
                    data: text(&data),
                    id: id.as_deref().map(text),
                }));
            }
        }
        let held = self.buffer.len() - self.line_start
            + self.name.len()
            + self.id.as_ref().map_or(0, Vec::len)
            + self.data.as_ref().map_or(0, Vec::len);
        if held > MAX_EVENT_BYTES {
            return Err(Error::Protocol("an event without end".to_owned()));
        }
        Ok(None)
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
        let (field, value) = match line.iter().position(|&byte| byte == b':') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.name = value.to_vec(),
            b"id" if !value.contains(&0) => self.id = Some(value.to_vec()),
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            },
            // Comments (an empty name), `retry`, and what is not known.
            _ => {}
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(name: &str, data: &str, id: Option<&str>) -> Block {
        Block {
            name: name.to_owned(),
            data: data.to_owned(),
            id: id.map(str::to_owned),
        }
    }

    fn decode(pieces: &[&[u8]]) -> Vec<Block> {
        let mut decoder = SseDecoder::default();
        let mut blocks = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            while let Some(block) = decoder.next_block().unwrap() {
                blocks.push(block);
            }
        }
        blocks
    }

    #[test]
    fn every_line_ending_and_field_form_is_read() {
        let stream = "\u{feff}event: a\r\ndata: one\r\nid: 7\r\n\r\n: comment\n:heartbeat\n\n\
                      event: x\ndata:two\ndata: lines\n\nid: 3\n\nevent: lost\n\ndataset: no\n\n\
                      data\n\r\rid:9\rdata:  spaced\r\rretry: 5\n\ndata: \u{fffd}\u{1F600}\n\n\
                      data: without end\n";
        let expected = [
            block("a", "one", Some("7")),
            block("x", "two\nlines", None),
            block("message", "", None),
            block("message", " spaced", Some("9")),
            block("message", "\u{fffd}\u{1F600}", None),
        ];
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
        assert_eq!(decode(&[b"data: a\xffb\n\n"])[0].data, "a\u{fffd}b");
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut decoder = SseDecoder::default();
        decoder.push(b"data: ");
        let piece = vec![b'x'; MAX_EVENT_BYTES];
        decoder.push(&piece);
        assert!(matches!(decoder.next_block(), Err(Error::Protocol(_))));
    }
}
