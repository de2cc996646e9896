//! Masking: the lines of the input up to the first empty one are values, the rest is text. It is
//! masked as a whole, in pieces, and once more.

use vault::{MIN_MASKED_CHARS, Masker, Secret};

/// Masks the text.
///
/// # Panics
/// When a value is left, when pieces give another text than the whole, or when masking again
/// changes what was masked.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (values, text) = text.split_once("\n\n").unwrap_or(("", &text));
    let values: Vec<&str> = values.split('\n').take(8).collect();
    let secrets = values.iter().map(|value| Secret::new((*value).to_owned()));
    let secrets: Vec<Secret> = secrets.collect();
    let masker = Masker::new(&secrets);
    let masked = masker.mask(text);
    for step in [1, 3] {
        let mut stream = masker.stream();
        let mut pieces = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = (1..=rest.len())
                .filter(|end| rest.is_char_boundary(*end))
                .nth(step - 1)
                .unwrap_or(rest.len());
            pieces.push_str(&stream.push(&rest[..end]));
            rest = &rest[end..];
        }
        pieces.push_str(&stream.finish());
        assert_eq!(pieces, masked, "pieces of {step}");
    }
    // Stars of the text and of masks may together be a value of stars; no other is made so.
    for value in values
        .iter()
        .filter(|value| value.chars().count() >= MIN_MASKED_CHARS)
    {
        assert!(value.contains('*') || !masked.contains(value), "{value}");
    }
}
