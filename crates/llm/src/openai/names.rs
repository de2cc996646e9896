//! Tool names between us and the wire, which allows only `^[a-zA-Z0-9_-]{1,64}$`.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::{ModelError, ToolSpec};

const MAX_NAME_BYTES: usize = 64;

/// The way back from wire names to the names of the offered tools.
#[derive(Debug, Default)]
pub(super) struct ToolNames {
    /// Only those that differ.
    translated: HashMap<String, String>,
}

impl ToolNames {
    /// # Errors
    /// Two tools with one name: the model could not tell them apart, and neither could we.
    pub(super) fn new(tools: &[ToolSpec]) -> Result<Self, ModelError> {
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
    pub(super) fn own_name(&self, name: String) -> String {
        self.translated.get(&name).cloned().unwrap_or(name)
    }
}

/// The name on the wire. A name that is allowed stays; another gets its bad characters replaced
/// and a hash of the whole name, so that different names stay different. It depends on the name
/// alone, so that old calls keep theirs whatever is offered now.
pub(super) fn to_wire(name: &str) -> Cow<'_, str> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Cow::Borrowed(name);
    }
    let hash = format!("_{:016x}", fnv1a(name.as_bytes()));
    let mut wire: String = name
        .chars()
        .take(MAX_NAME_BYTES - hash.len())
        .map(|character| match u8::try_from(character) {
            Ok(byte) if is_allowed(byte) => character,
            Ok(_) | Err(_) => '_',
        })
        .collect();
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
        let names = ["a.b", "a:b", "", "ä", "x".repeat(65).leak(), "mcp/s/t"];
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
            prop_assert!(wire.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
            prop_assert_eq!(to_wire(&wire), wire.as_ref());
        }
    }
}
