//! JSON as models write it: lone halves of UTF-16 surrogate pairs in `\u` escapes are allowed by
//! the grammar, but no text can hold them.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// Parses `text` with each lone surrogate read as U+FFFD.
///
/// # Errors
/// Text that is not the JSON of a `T`.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(&without_lone_surrogates(text))
}

fn without_lone_surrogates(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u") {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(offset) = bytes[at..].iter().position(|&byte| byte == b'\\') {
        at += offset;
        let Some(unit) = escaped_unit(bytes, at) else {
            // Another escape: its second byte may itself be a backslash.
            at = (at + 2).min(bytes.len());
            continue;
        };
        let paired = matches!(unit, 0xD800..=0xDBFF)
            && matches!(escaped_unit(bytes, at + 6), Some(0xDC00..=0xDFFF));
        if paired {
            at += 12;
            continue;
        }
        if matches!(unit, 0xD800..=0xDFFF) {
            out.push_str(&text[copied..at]);
            out.push_str("\\ufffd");
            copied = at + 6;
        }
        at += 6;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The code unit of the `\uXXXX` that begins at `at`, if one does.
fn escaped_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?;
    let digits = escape.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0_u16, |unit, &digit| {
        let value = char::from(digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(value).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lone_surrogates_become_replacement_characters() {
        let table = [
            (r#""\ud800""#, "\u{fffd}"),
            (r#""\uDFFF!""#, "\u{fffd}!"),
            (r#""\ud83d\ude00""#, "\u{1F600}"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1F600}"),
            (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
            (r#""\\ud800""#, "\\ud800"),
            (r#""\\\ud800""#, "\\\u{fffd}"),
            (r#""\u0000\ud800é\u00e9""#, "\0\u{fffd}éé"),
        ];
        for (json, expected) in table {
            assert_eq!(parse::<String>(json).unwrap(), expected, "{json}");
        }
    }

    #[test]
    fn broken_escapes_stay_errors() {
        for json in [r#""\u12"#, r#""\ud8"#, r#""\uzzzz""#, "\"\\", r#""\u"#] {
            assert!(parse::<String>(json).is_err(), "{json}");
        }
    }

    proptest! {
        #[test]
        fn valid_json_keeps_its_value(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(parse::<String>(&json).unwrap(), text);
        }

        #[test]
        fn every_code_unit_sequence_parses(units in prop::collection::vec(any::<u16>(), 0..20)) {
            let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            prop_assert_eq!(
                parse::<String>(&format!("\"{escapes}\"")).unwrap(),
                String::from_utf16_lossy(&units)
            );
        }

        #[test]
        fn no_text_panics(text in r#"[\\ud8cDF0-9"é]{0,40}"#) {
            let _ = parse::<serde_json::Value>(&text);
        }
    }
}
