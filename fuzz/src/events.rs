//! The client's reader of an event stream: the input is the stream's bytes.

use client::EventReader;

/// Reads the stream as a whole and byte for byte.
///
/// # Panics
/// When the two differ.
pub fn check(data: &[u8]) {
    assert_eq!(read(data.chunks(data.len().max(1))), read(data.chunks(1)));
}

/// The events up to the first that is wrong.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut reader = EventReader::new();
    let mut events = Vec::new();
    for piece in pieces {
        reader.push(piece);
        loop {
            match reader.next_event() {
                Ok(None) => break,
                Ok(Some(event)) => events.push(format!("{event:?}")),
                Err(error) => {
                    events.push(error.to_string());
                    return events;
                }
            }
        }
    }
    events
}
