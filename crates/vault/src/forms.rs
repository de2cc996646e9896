//! The forms in which a value may be met: as it is, in base64 wherever it begins, percent-encoded,
//! in hexadecimal, and as a part of a JSON text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The encoded forms of a value, each once, without the value itself.
pub(crate) fn encoded(value: &str) -> BTreeSet<String> {
    let mut forms = BTreeSet::new();
    for alphabet in [STANDARD, URL_SAFE] {
        forms.extend((0..3).map(|before| base64_core(value.as_bytes(), before, alphabet)));
    }
    for digits in [b"0123456789abcdef", b"0123456789ABCDEF"] {
        let hex = value.bytes().flat_map(|byte| pair(byte, digits));
        forms.insert(hex.collect());
        for space in ["%20", "+"] {
            forms.insert(percent_encoded(value, digits, space, b"-._~"));
        }
        // As `encodeURIComponent` does it.
        forms.insert(percent_encoded(value, digits, "%20", b"-._~!'()*"));
    }
    for last in [char::MAX, '\u{7f}'] {
        forms.insert(json_escaped(value, last));
    }
    forms.remove(value);
    forms
}

/// The characters of the base64 text of something that holds `value` behind `before` other bytes
/// (modulo 3) which these bytes alone decide. What is mixed with other bytes at both ends, at most
/// six bits each, is left.
fn base64_core(value: &[u8], before: usize, alphabet: &[u8; 64]) -> String {
    let bit = |at: usize| {
        let byte = value[at / 8 - before];
        usize::from(byte >> (7 - at % 8) & 1)
    };
    let first = (8 * before).div_ceil(6);
    let end = 8 * (before + value.len()) / 6;
    let character = |at: usize| {
        let six = (6 * at..6 * at + 6).fold(0, |bits, at| bits << 1 | bit(at));
        char::from(alphabet[six])
    };
    (first..end).map(character).collect()
}

fn pair(byte: u8, digits: &[u8; 16]) -> [char; 2] {
    [byte >> 4, byte & 15].map(|half| char::from(digits[usize::from(half)]))
}

/// As in a URL: everything but letters, digits and the `plain` marks is encoded.
fn percent_encoded(value: &str, digits: &[u8; 16], space: &str, plain: &[u8]) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match byte {
            b' ' => out.push_str(space),
            _ if byte.is_ascii_alphanumeric() || plain.contains(&byte) => {
                out.push(char::from(byte));
            }
            other => {
                out.push('%');
                out.extend(pair(other, digits));
            }
        }
    }
    out
}

/// As between the quotes of a JSON text; characters up to `last` are written as they are (some
/// encoders write ASCII alone).
fn json_escaped(value: &str, last: char) -> String {
    let mut out = String::new();
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' || c > last => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("a string takes everything");
                }
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Another implementation agrees, whatever stands before and behind.
        #[test]
        fn base64_is_found_wherever_it_begins(
            value in "\\PC{8,40}",
            before in "[a-z]{0,5}",
            behind in "[a-z]{0,5}",
        ) {
            let forms = encoded(&value);
            let whole = format!("{before}{value}{behind}");
            for text in [STANDARD.encode(&whole), URL_SAFE_NO_PAD.encode(&whole)] {
                prop_assert!(forms.iter().any(|form| text.contains(form.as_str())), "{}", text);
            }
        }
    }

    #[test]
    fn the_forms_are_the_common_ones() {
        let forms = encoded("a b/\u{e9}\"1");
        for expected in [
            "YSBiL8OpIj",
            "6120622fc3a92231",
            "6120622FC3A92231",
            "a%20b%2F%C3%A9%221",
            "a+b%2f%c3%a9%221",
            "a b/\u{e9}\\\"1",
            "a b/\\u00e9\\\"1",
        ] {
            assert!(forms.contains(expected), "{expected} in {forms:?}");
        }
        assert!(encoded("p@ss!word1").contains("p%40ss!word1"));
        assert!(encoded("a\u{8}b\u{1f600}").contains("a\\bb\\ud83d\\ude00"));
        // What is the same in several forms is there once, the value itself is not.
        assert!(!encoded("plain-value").contains("plain-value"));
    }

    #[test]
    fn short_values_have_long_enough_forms() {
        for form in encoded("12345678") {
            assert!(form.len() >= 10, "{form}");
        }
    }
}
