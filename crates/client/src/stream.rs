//! One connection to a stream.

use reqwest::Response;

use crate::{Error, EventReader, Received};

/// The events of one connection.
#[derive(Debug)]
pub struct EventStream {
    response: Response,
    reader: EventReader,
}

impl EventStream {
    pub(crate) fn new(response: Response) -> Self {
        Self {
            response,
            reader: EventReader::new(),
        }
    }

    /// The next event; `None` when the server closed the stream. Dropping the future loses
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Transport`] when the connection broke or was silent for too long (the server sends
    /// something every 15 s); [`Error::Protocol`].
    pub async fn next(&mut self) -> Result<Option<Received>, Error> {
        loop {
            if let Some(received) = self.reader.next_event()? {
                return Ok(Some(received));
            }
            let chunk = self.response.chunk().await;
            match chunk.map_err(Error::transport("read the stream"))? {
                Some(bytes) => self.reader.push(&bytes),
                None => return Ok(None),
            }
        }
    }
}
