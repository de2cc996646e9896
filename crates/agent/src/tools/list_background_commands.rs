//! `list_background_commands`: the session's background commands and how far each got.

use async_trait::async_trait;
use llm::ToolSpec;
use model::Effect;
use serde_json::{Value, json};

use super::{Tool, ToolContext, ToolOutcome};

#[derive(Debug)]
pub(super) struct ListBackgroundCommands;

#[async_trait]
impl Tool for ListBackgroundCommands {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "list_background_commands".to_owned(),
            description: "Lists the commands that were started with is_background: id, running or exit code, since when, command.".to_owned(),
            parameters: json!({"type": "object", "properties": {}}),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    async fn call(&self, context: &ToolContext<'_>, _: &Value) -> ToolOutcome {
        ToolOutcome::Success(context.session.background().list())
    }
}
