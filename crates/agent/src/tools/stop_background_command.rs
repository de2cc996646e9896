//! `stop_background_command`: ends a background command with everything it started.

use async_trait::async_trait;
use llm::ToolSpec;
use model::Effect;
use serde_json::{Value, json};

use super::arguments::required_text;
use super::{Tool, ToolContext, ToolOutcome};

#[derive(Debug)]
pub(super) struct StopBackgroundCommand;

#[async_trait]
impl Tool for StopBackgroundCommand {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "stop_background_command".to_owned(),
            description: "Ends a background command with everything it started, and gives the rest of its output.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "id": {"type": "string", "description": "The command's id, such as bg-1."},
                },
                "required": ["id"],
            }),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Write
    }

    async fn call(&self, context: &ToolContext<'_>, args: &Value) -> ToolOutcome {
        match required_text(args, &["id"]) {
            Ok(id) => context.session.background().stop(id).await,
            Err(error) => ToolOutcome::error(error.to_string()),
        }
    }
}
