//! Finding leaked keys and app secrets in text, offline: their checksums tell them from anything
//! that only looks like one.

use std::io::{self, Read};

use crate::{PlainAppSecret, PlainKey};

/// Bytes read at a time.
const CHUNK_BYTES: usize = 256 * 1024;
/// Bytes of the longest secret: what is kept of a chunk for one that straddles two.
const LONGEST_BYTES: usize = 71;
/// Characters of a secret that are shown.
const SHOWN_CHARS: usize = 12;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeakKind {
    /// An API key.
    ApiKey,
    /// The secret of a widget app.
    AppSecret,
}

/// A secret that lies where it should not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// What it is.
    pub kind: LeakKind,
    /// The line, from 1.
    pub line: u64,
    /// The byte in the line, from 1.
    pub column: u64,
    /// Its first characters: enough to find its record, too few to use it.
    pub prefix: String,
}

/// The secrets in what `reader` gives, in their order. Reads in pieces, whatever the length.
///
/// # Errors
/// When reading fails.
pub fn find_leaks(reader: &mut impl Read) -> io::Result<Vec<Leak>> {
    let mut finder = Finder::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => finder.push(&chunk[..count], LONGEST_BYTES),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    finder.push(&[], 0);
    Ok(finder.leaks)
}

#[derive(Debug)]
struct Finder {
    /// What was read and not looked at to its end.
    held: Vec<u8>,
    line: u64,
    column: u64,
    leaks: Vec<Leak>,
}

impl Default for Finder {
    fn default() -> Self {
        Self {
            held: Vec::new(),
            line: 1,
            column: 1,
            leaks: Vec::new(),
        }
    }
}

impl Finder {
    /// Looks at everything but the last `kept` bytes, behind which a secret may go on.
    fn push(&mut self, bytes: &[u8], kept: usize) {
        self.held.extend_from_slice(bytes);
        let end = self.held.len().saturating_sub(kept);
        for at in 0..end {
            if self.held[at] == b's'
                && let Some((kind, prefix)) = secret_at(&self.held[at..])
            {
                self.leaks.push(Leak {
                    kind,
                    line: self.line,
                    column: self.column,
                    prefix,
                });
            }
            if self.held[at] == b'\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.held.drain(..end);
    }
}

/// The secret with which these bytes begin.
fn secret_at(bytes: &[u8]) -> Option<(LeakKind, String)> {
    let text = |length: usize| std::str::from_utf8(bytes.get(..length)?).ok();
    let shown = |text: &str| text[..SHOWN_CHARS].to_owned();
    if bytes.starts_with(b"sigmic_") {
        let text = text(71)?;
        PlainKey::parse(text).ok()?;
        return Some((LeakKind::ApiKey, shown(text)));
    }
    if bytes.starts_with(b"sas_") {
        let text = text(68)?;
        PlainAppSecret::parse(text)?;
        return Some((LeakKind::AppSecret, shown(text)));
    }
    None
}

#[cfg(test)]
mod tests {
    use model::OsRandom;

    use super::*;

    /// Gives one byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else {
                return Ok(0);
            };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn secrets_are_found_wherever_they_stand() {
        let key = PlainKey::mint(&OsRandom);
        let secret = PlainAppSecret::mint(&OsRandom);
        let (key, secret) = (key.expose_key(), secret.expose_app_secret());
        let fake = format!("sigmic_{}", "a".repeat(64));
        let text = format!("KEY={key}\n{fake}\n\u{e9}\0'{secret}'{key}{key}\nsigmic_");
        let found = find_leaks(&mut text.as_bytes()).unwrap();
        let places: Vec<_> = found
            .iter()
            .map(|leak| (leak.kind, leak.line, leak.column))
            .collect();
        assert_eq!(
            places,
            [
                (LeakKind::ApiKey, 1, 5),
                (LeakKind::AppSecret, 3, 5),
                (LeakKind::ApiKey, 3, 74),
                (LeakKind::ApiKey, 3, 145),
            ]
        );
        assert_eq!(found[0].prefix, key[..12]);
        assert_eq!(find_leaks(&mut Slow(text.as_bytes())).unwrap(), found);
    }

    #[test]
    fn a_secret_that_straddles_two_pieces_is_found_once() {
        let key = PlainKey::mint(&OsRandom);
        for before in [
            CHUNK_BYTES - 72,
            CHUNK_BYTES - 35,
            CHUNK_BYTES - 1,
            CHUNK_BYTES,
        ] {
            let text = format!("{}{}", "x".repeat(before), key.expose_key());
            let found = find_leaks(&mut text.as_bytes()).unwrap();
            assert_eq!(found.len(), 1, "{before}");
            assert_eq!(found[0].column, before as u64 + 1);
        }
    }
}
