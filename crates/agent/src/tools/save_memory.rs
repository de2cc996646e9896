//! `save_memory`: a fact for the rest of the task. It lives in the conversation: the call itself is
//! what is kept of it, and the system prompt of every later turn repeats it.

use async_trait::async_trait;
use llm::ToolSpec;
use model::Effect;
use serde_json::{Value, json};

use super::arguments::required_text;
use super::{Tool, ToolContext, ToolOutcome};

/// Its name, by which the fold finds its calls.
pub(crate) const SAVE_MEMORY: &str = "save_memory";
/// Bytes of a fact at most.
const MAX_FACT_BYTES: usize = 1_024;

#[derive(Debug)]
pub(super) struct SaveMemory;

#[async_trait]
impl Tool for SaveMemory {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: SAVE_MEMORY.to_owned(),
            description: "Remembers a fact for the rest of this task, follow-ups included, however long the conversation gets. For what must not be forgotten: names, wishes, decisions. The latest 100 facts (16 KiB) are kept.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "fact": {"type": "string", "description": "One sentence that is understood alone, at most 1024 bytes."},
                },
                "required": ["fact"],
            }),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Idempotent
    }

    async fn call(&self, _: &ToolContext<'_>, args: &Value) -> ToolOutcome {
        fact_of(args)
            .map(|fact| format!("Remembered: {fact}"))
            .into()
    }
}

/// The fact that a call names, on one line.
pub(crate) fn fact_of(args: &Value) -> Result<String, String> {
    let fact = required_text(args, &["fact"]).map_err(|error| error.to_string())?;
    let words: Vec<&str> = fact.split_whitespace().collect();
    let fact = words.join(" ");
    if fact.is_empty() {
        return Err("The fact is empty.".to_owned());
    }
    if fact.len() > MAX_FACT_BYTES {
        return Err(format!(
            "A fact has at most {MAX_FACT_BYTES} bytes; write long things to a file."
        ));
    }
    Ok(fact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_one_line_of_bounded_length() {
        let fact = |text: String| fact_of(&json!({"fact": text}));
        assert_eq!(fact(" a\n b ".to_owned()).unwrap(), "a b");
        assert!(fact(" \n".to_owned()).is_err());
        assert!(fact("x".repeat(MAX_FACT_BYTES)).is_ok());
        assert!(fact("x".repeat(MAX_FACT_BYTES + 1)).is_err());
        assert!(fact_of(&json!({"fact": 1})).is_err());
    }
}
