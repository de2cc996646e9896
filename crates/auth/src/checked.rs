//! A secret that carries its own checksum: a prefix, 56 random hexadecimal characters, and the
//! CRC-32 of everything before, so that a mistyped or leaked one is told from a made-up one without
//! a database.

use std::fmt::Write as _;

use model::Random;
use vault::Secret;

const RANDOM_BYTES: usize = 28;
const CHECKSUM_CHARS: usize = 8;

/// Characters behind the prefix.
pub(crate) const DIGITS: usize = 2 * RANDOM_BYTES + CHECKSUM_CHARS;

/// Makes one.
pub(crate) fn mint(prefix: &str, random: &dyn Random) -> Secret {
    let mut bytes = [0; RANDOM_BYTES];
    random.fill(&mut bytes);
    let mut text = String::with_capacity(prefix.len() + DIGITS);
    text.push_str(prefix);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a string takes everything");
    }
    let checksum = crc32fast::hash(text.as_bytes());
    write!(text, "{checksum:08x}").expect("a string takes everything");
    Secret::new(text)
}

/// Whether a text is one.
pub(crate) fn is_well_formed(prefix: &str, text: &str) -> bool {
    let Some(digits) = text.strip_prefix(prefix) else {
        return false;
    };
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != DIGITS || !digits.bytes().all(lower_hex) {
        return false;
    }
    let (checked, checksum) = text.split_at(text.len() - CHECKSUM_CHARS);
    u32::from_str_radix(checksum, 16)
        .is_ok_and(|checksum| crc32fast::hash(checked.as_bytes()) == checksum)
}
