//! The first message of a TLS connection, as far as it says which host is meant.

/// Bytes of a first message at most, its records included. Those of today have about two
/// thousand.
pub(super) const MAX_HELLO_BYTES: usize = 16 * 1024;

const HANDSHAKE_RECORD: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;

/// What the bytes so far say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hello {
    /// More must come.
    Incomplete,
    /// This host is meant.
    Names(String),
    /// It is no such message, or names no host, or more than one.
    Unusable,
}

/// Reads what has come so far, however it was cut into records and packets.
pub(super) fn read(bytes: &[u8]) -> Hello {
    let Some(handshake) = handshake(bytes) else {
        return Hello::Unusable;
    };
    let mut reader = Reader(&handshake);
    let (Some(kind), Some(length)) = (reader.u8(), reader.u24()) else {
        return Hello::Incomplete;
    };
    if kind != CLIENT_HELLO || length > MAX_HELLO_BYTES {
        return Hello::Unusable;
    }
    match reader.take(length) {
        None => Hello::Incomplete,
        Some(body) => server_name(body).map_or(Hello::Unusable, Hello::Names),
    }
}

/// The payload of the records so far; absent when they hold something else.
fn handshake(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader(bytes);
    let mut payload = Vec::new();
    while let Some(kind) = reader.u8() {
        if kind != HANDSHAKE_RECORD {
            // What follows a whole message is not looked at.
            return (!payload.is_empty()).then_some(payload);
        }
        match reader.u8() {
            None => break,
            Some(3) => {}
            Some(_) => return None,
        }
        let Some(length) = reader.u8().and_then(|_| reader.u16()) else {
            break;
        };
        if length == 0 {
            return None;
        }
        let there = usize::from(length).min(reader.0.len());
        payload.extend_from_slice(reader.take(there)?);
    }
    Some(payload)
}

/// The one host that the message names.
fn server_name(body: &[u8]) -> Option<String> {
    let mut reader = Reader(body);
    reader.take(2 + 32)?;
    let session = reader.u8()?;
    reader.take(session.into())?;
    let suites = reader.u16()?;
    reader.take(suites.into())?;
    let compressions = reader.u8()?;
    reader.take(compressions.into())?;
    let length = reader.u16()?;
    let mut extensions = Reader(reader.take(length.into())?);
    let mut found = None;
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let length = extensions.u16()?;
        let content = extensions.take(length.into())?;
        if kind == SERVER_NAME {
            let name = only_host(content)?;
            // Two that differ would be read one way here and another way there.
            if found.replace(name).is_some() {
                return None;
            }
        }
    }
    reader.0.is_empty().then_some(found).flatten()
}

fn only_host(content: &[u8]) -> Option<String> {
    let mut reader = Reader(content);
    let length = reader.u16()?;
    let mut list = Reader(reader.take(length.into())?);
    let kind = list.u8()?;
    let length = list.u16()?;
    let name = list.take(length.into())?;
    let alone = kind == HOST_NAME && list.0.is_empty() && reader.0.is_empty();
    let name = std::str::from_utf8(name).ok()?;
    alone.then(|| name.to_owned())
}

/// Takes bytes from the front; absent when there are too few.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)
            .map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn u24(&mut self) -> Option<usize> {
        let bytes = self.take(3)?;
        let number = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        usize::try_from(number).ok()
    }
}

#[cfg(test)]
#[path = "hello_tests.rs"]
mod tests;
