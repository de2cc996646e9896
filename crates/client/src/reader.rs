//! From the bytes of a stream to its events. Pure: no I/O, no clock.

use serde_json::Value;

use crate::sse::SseDecoder;
use crate::{Error, ServerEvent};

/// An event as it was received.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The cursor after it, if it carries one: who resumes there gets everything that follows,
    /// and again what arrived after it without an id.
    pub id: Option<i64>,
    /// Its name on the wire.
    pub name: String,
    /// The JSON of its `data:` line, as it came.
    pub data: Value,
    /// The event itself.
    pub event: ServerEvent,
}

/// A state machine over the bytes of a stream, which may be split anywhere.
#[derive(Debug, Default)]
pub struct EventReader {
    decoder: SseDecoder,
}

impl EventReader {
    /// A reader at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.decoder.push(bytes);
    }

    /// The next event, if it is complete.
    ///
    /// # Errors
    /// [`Error::Protocol`] for a known event that cannot be read, and for one beyond 64 MiB.
    pub fn next_event(&mut self) -> Result<Option<Received>, Error> {
        let Some(block) = self.decoder.next_block()? else {
            return Ok(None);
        };
        let data: Value = serde_json::from_str(&block.data)
            .map_err(|error| Error::Protocol(format!("event `{}`: {error}", block.name)))?;
        let event = ServerEvent::parse(&block.name, &data)?;
        Ok(Some(Received {
            id: block.id.and_then(|id| id.parse().ok()),
            name: block.name,
            data,
            event,
        }))
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
