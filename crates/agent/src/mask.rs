//! Secrets are masked by value before anything is journalled or shown. The values are kept
//! elsewhere; this crate only asks for the mask.

use std::fmt;

use serde_json::Value;

/// Masks the known secret values of a session.
pub trait Mask: Send + Sync + fmt::Debug {
    /// `text` with every secret value replaced.
    fn mask(&self, text: &str) -> String;

    /// A mask for text that arrives in pieces.
    fn stream(&self) -> Box<dyn StreamMask>;
}

/// Masks text that arrives in pieces: together, what it gives out equals the masked whole.
pub trait StreamMask: Send + fmt::Debug {
    /// Takes a piece; gives what is safe to show. A suffix that may be the beginning of a secret
    /// is held back.
    fn push(&mut self, text: &str) -> String;

    /// Gives what was held back.
    fn finish(&mut self) -> String;
}

/// For sessions without secrets.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMask;

impl Mask for NoMask {
    fn mask(&self, text: &str) -> String {
        text.to_owned()
    }

    fn stream(&self) -> Box<dyn StreamMask> {
        Box::new(Self)
    }
}

impl StreamMask for NoMask {
    fn push(&mut self, text: &str) -> String {
        text.to_owned()
    }

    fn finish(&mut self) -> String {
        String::new()
    }
}

/// An error and its causes for the log, masked: a provider's error may repeat what it was sent.
pub(crate) fn mask_error(mask: &dyn Mask, error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    mask.mask(&texts.join(": "))
}

/// `value` with every string in it masked, keys included.
pub fn mask_value(mask: &dyn Mask, value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(mask.mask(text)),
        Value::Array(items) => items.iter().map(|item| mask_value(mask, item)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (mask.mask(name), mask_value(mask, field)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// `value` as it is, or null if it repeats a secret: for what is signed, and would not be what was
/// signed once it is masked.
pub(crate) fn unless_masked(mask: &dyn Mask, value: Value) -> Value {
    if mask_value(mask, &value) == value {
        value
    } else {
        Value::Null
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug)]
    struct Hunter;

    impl Mask for Hunter {
        fn mask(&self, text: &str) -> String {
            text.replace("hunter2", "***")
        }

        fn stream(&self) -> Box<dyn StreamMask> {
            Box::new(NoMask)
        }
    }

    #[test]
    fn every_text_of_a_value_is_masked_and_signed_state_is_dropped() {
        let value = json!({"a hunter2": ["x", {"b": "my hunter2"}], "n": 1});
        let masked = json!({"a ***": ["x", {"b": "my ***"}], "n": 1});
        assert_eq!(mask_value(&Hunter, &value), masked);
        assert_eq!(unless_masked(&Hunter, value), Value::Null);
        let harmless = json!({"signature": "abc", "thinking": "of something else"});
        assert_eq!(unless_masked(&Hunter, harmless.clone()), harmless);
    }
}
