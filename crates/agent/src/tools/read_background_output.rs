//! `read_background_output`: what a background command has printed.

use async_trait::async_trait;
use llm::ToolSpec;
use model::Effect;
use serde_json::{Value, json};

use super::arguments::{required_text, whole_number};
use super::{Tool, ToolContext, ToolOutcome};

#[derive(Debug)]
pub(super) struct ReadBackgroundOutput;

#[async_trait]
impl Tool for ReadBackgroundOutput {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "read_background_output".to_owned(),
            description: "Reads what a background command has printed since it was last read, and says whether it still runs.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "id": {"type": "string", "description": "The command's id, such as bg-1."},
                    "offset": {"type": "integer", "description": "Read from this byte of its output on instead."},
                },
                "required": ["id"],
            }),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    async fn call(&self, context: &ToolContext<'_>, args: &Value) -> ToolOutcome {
        let asked =
            required_text(args, &["id"]).and_then(|id| Ok((id, whole_number(args, "offset")?)));
        match asked {
            Ok((id, offset)) => context.session.background().read(id, offset),
            Err(error) => ToolOutcome::error(error.to_string()),
        }
    }
}
