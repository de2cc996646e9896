//! Logs on standard error: text on a terminal, JSON else. No credential leaves the process this
//! way: what looks like a key, and every secret value among the settings, is masked in each line.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use vault::{Masker, Secret};

use crate::failure::Failure;
use crate::settings::LogFormat;

/// What an API key of this server begins with.
const KEY_PREFIX: &str = "sigmic_";
/// Hexadecimal characters that follow it.
const KEY_DIGITS: usize = 64;

/// Begins to log.
///
/// # Errors
/// When `RUST_LOG` is not a filter.
pub(crate) fn begin(
    filter: Option<&str>,
    default: &str,
    format: LogFormat,
    secrets: &[Secret],
) -> Result<(), Failure> {
    let filter = EnvFilter::builder()
        .parse(filter.unwrap_or(default))
        .map_err(|error| Failure::Usage(format!("RUST_LOG is not a filter: {error}")))?;
    let terminal = io::stderr().is_terminal();
    let writer = MaskedStderr {
        masker: Masker::new(secrets),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer);
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // A second beginning (in a test) leaves the first in place.
    let _ = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(colours).try_init()
    };
    Ok(())
}

/// Standard error, masked.
#[derive(Debug, Clone)]
struct MaskedStderr {
    masker: Masker,
}

impl<'a> MakeWriter<'a> for MaskedStderr {
    type Writer = MaskedLine<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        MaskedLine {
            masker: &self.masker,
        }
    }
}

/// One line: the subscriber writes each event in one piece.
#[derive(Debug)]
struct MaskedLine<'a> {
    masker: &'a Masker,
}

impl Write for MaskedLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let text = if self.masker.is_empty() {
            text
        } else {
            Cow::Owned(self.masker.mask(&text))
        };
        let masked = mask_keys(&text);
        io::stderr().lock().write_all(masked.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The text with everything that looks like an API key masked. Nearly no line has one, and each
/// request writes a line.
fn mask_keys(text: &str) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(digits) = find_digits(rest) {
        masked.push_str(&rest[..digits]);
        masked.push_str("***");
        rest = &rest[digits + KEY_DIGITS..];
    }
    if masked.is_empty() {
        return Cow::Borrowed(text);
    }
    masked.push_str(rest);
    Cow::Owned(masked)
}

/// Where the digits of the first key begin.
fn find_digits(text: &str) -> Option<usize> {
    let ends = text.match_indices(KEY_PREFIX);
    let mut begins = ends.map(|(at, _)| at + KEY_PREFIX.len());
    begins.find(|begin| {
        let digits = text.as_bytes()[*begin..].iter().take(KEY_DIGITS);
        digits.filter(|byte| byte.is_ascii_hexdigit()).count() == KEY_DIGITS
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_key_is_masked() {
        let key = format!("sigmic_{}", "0a".repeat(32));
        assert_eq!(
            mask_keys(&format!("key={key}, again {key}\n")),
            "key=sigmic_***, again sigmic_***\n"
        );
        for harmless in ["sigmic_session", "sigmic_", "a sigmic_0a", "nothing"] {
            assert_eq!(mask_keys(harmless), harmless);
        }
    }
}
