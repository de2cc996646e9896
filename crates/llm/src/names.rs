//! Names between us and the wires. What all of them allow: `^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$` (Gemini
//! wants a letter or `_` first, OpenAI and Anthropic set the rest).

use std::borrow::Cow;
use std::collections::HashMap;

use crate::{ModelError, ToolSpec};

const MAX_NAME_BYTES: usize = 64;

/// The way back from wire names to the names of the offered tools.
#[derive(Debug, Default)]
pub(crate) struct ToolNames {
    /// Only those that differ.
    translated: HashMap<String, String>,
}

impl ToolNames {
    /// # Errors
    /// Two tools with one name: the model could not tell them apart, and neither could we.
    pub(crate) fn new(tools: &[ToolSpec]) -> Result<Self, ModelError> {
        let mut seen = HashMap::new();
        for tool in tools {
            if seen.insert(to_wire(&tool.name), &tool.name).is_some() {
                return Err(ModelError::Invalid {
                    status: None,
                    message: "two tools have the same name".to_owned(),
                });
            }
        }
        let translated = seen
            .into_iter()
            .filter(|(wire, name)| wire != *name)
            .map(|(wire, name)| (wire.into_owned(), name.clone()))
            .collect();
        Ok(Self { translated })
    }

    /// The tool's own name; a name that was never offered stays as it is.
    pub(crate) fn own_name(&self, name: String) -> String {
        self.translated.get(&name).cloned().unwrap_or(name)
    }
}

/// The name on the wire; call ids go the same way. A name that is allowed stays; another gets its bad characters replaced
/// and a hash of the whole name, so that different names stay different. It depends on the name
/// alone, so that old calls keep theirs whatever is offered now.
pub(crate) fn to_wire(name: &str) -> Cow<'_, str> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let may_begin = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let begins_well = name.as_bytes().first().is_some_and(may_begin);
    if begins_well && name.len() <= MAX_NAME_BYTES && name.bytes().all(is_allowed) {
        return Cow::Borrowed(name);
    }
    let hash = format!("_{:016x}", fnv1a(name.as_bytes()));
    let lead = if begins_well { "" } else { "_" };
    let kept = name
        .chars()
        .take(MAX_NAME_BYTES - hash.len() - lead.len())
        .map(|character| match u8::try_from(character) {
            Ok(byte) if is_allowed(byte) => character,
            Ok(_) | Err(_) => '_',
        });
    let mut wire = lead.to_owned();
    wire.extend(kept);
    wire.push_str(&hash);
    Cow::Owned(wire)
}

/// FNV-1a, 64 bits: fixed for ever, which `std`'s hashers do not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn tool(name: &str) -> ToolSpec {
        ToolSpec {
            name: name.to_owned(),
            description: String::new(),
            parameters: json!({"type": "object"}),
        }
    }

    #[test]
    fn allowed_names_stay_and_others_come_back() {
        assert_eq!(to_wire("read_file"), "read_file");
        let names = [
            "a.b",
            "a:b",
            "",
            "ä",
            "7z",
            "-x",
            "x".repeat(65).leak(),
            "mcp/s/t",
        ];
        let tools: Vec<_> = names.into_iter().map(tool).collect();
        let back = ToolNames::new(&tools).unwrap();
        for name in names {
            assert_eq!(back.own_name(to_wire(name).into_owned()), name);
        }
        assert_eq!(back.own_name("unknown".to_owned()), "unknown");
    }

    #[test]
    fn two_tools_with_one_name_are_refused() {
        assert!(ToolNames::new(&[tool("a"), tool("a")]).is_err());
    }

    proptest! {
        #[test]
        fn every_wire_name_is_allowed(name in any::<String>()) {
            let wire = to_wire(&name);
            prop_assert!((1..=64).contains(&wire.len()));
            prop_assert!(!wire.starts_with(|c: char| c == '-' || c.is_ascii_digit()));
            prop_assert!(wire.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
            prop_assert_eq!(to_wire(&wire), wire.as_ref());
        }
    }
}
