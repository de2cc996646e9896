//! `run_shell_command`: a command in the session's sandbox.

use async_trait::async_trait;
use llm::ToolSpec;
use model::Effect;
use serde_json::{Value, json};

use super::arguments::{required_text, text_argument, whole_number};
use super::{Tool, ToolContext, ToolOutcome};
use crate::session::ShellCommand;

#[derive(Debug)]
pub(super) struct RunShellCommand;

#[async_trait]
impl Tool for RunShellCommand {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "run_shell_command".to_owned(),
            description: "Runs a bash command in the sandbox and gives its output and exit code. No terminal, no input. Processes started with & go on between calls.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "command": {"type": "string", "description": "The command, as for bash -c."},
                    "description": {"type": "string", "description": "What it is for, in a few words."},
                    "dir_path": {"type": "string", "description": "Where to run it, relative to the workspace. Default: the workspace itself."},
                    "timeout_ms": {"type": "integer", "description": "Milliseconds after which it is stopped. Default 120000, at most 600000."},
                },
                "required": ["command"],
            }),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Write
    }

    async fn call(&self, context: &ToolContext<'_>, args: &Value) -> ToolOutcome {
        let command = match required_text(args, &["command"]) {
            Ok(command) => command,
            Err(error) => return ToolOutcome::error(error.to_string()),
        };
        let timeout_ms = match whole_number(args, "timeout_ms") {
            Ok(timeout_ms) => timeout_ms,
            Err(error) => return ToolOutcome::error(error.to_string()),
        };
        let directory = text_argument(args, &["dir_path", "directory", "path"]).unwrap_or(".");
        let command = ShellCommand {
            command,
            directory,
            timeout_ms,
            call_id: context.call_id,
        };
        context.session.shell(command).await
    }
}
