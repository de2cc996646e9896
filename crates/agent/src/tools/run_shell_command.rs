//! `run_shell_command`: a command in the session's sandbox.

use async_trait::async_trait;
use llm::ToolSpec;
use model::Effect;
use serde_json::{Value, json};

use super::arguments::{ArgumentError, required_text, text_argument, truth, whole_number};
use super::{Tool, ToolContext, ToolOutcome};
use crate::session::ShellCommand;

#[derive(Debug)]
pub(super) struct RunShellCommand;

#[async_trait]
impl Tool for RunShellCommand {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "run_shell_command".to_owned(),
            description: "Runs a bash command in the sandbox and gives its output and exit code. No terminal, no input. What runs for long, such as a server, is started with is_background.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "command": {"type": "string", "description": "The command, as for bash -c."},
                    "description": {"type": "string", "description": "What it is for, in a few words."},
                    "dir_path": {"type": "string", "description": "Where to run it, relative to the workspace. Default: the workspace itself."},
                    "timeout_ms": {"type": "integer", "description": "Milliseconds after which it is stopped. Default 120000, at most 600000."},
                    "is_background": {"type": "boolean", "description": "Answers at once with an id; the command goes on between calls, without a time limit. See list_background_commands, read_background_output and stop_background_command."},
                },
                "required": ["command"],
            }),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Write
    }

    async fn call(&self, context: &ToolContext<'_>, args: &Value) -> ToolOutcome {
        let asked = match read(context, args) {
            Ok(asked) => asked,
            Err(error) => return ToolOutcome::error(error.to_string()),
        };
        match asked {
            (command, Place::Foreground) => context.session.shell(command).await,
            (command, Place::Background) => context.session.start_in_background(command).await,
        }
    }
}

/// Whether a call waits for its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// It does.
    Foreground,
    /// It does not: the command goes on after it.
    Background,
}

impl Place {
    pub(crate) fn of(args: &Value) -> Result<Self, ArgumentError> {
        let is_background = truth(args, "is_background")?.unwrap_or(false);
        Ok(if is_background {
            Self::Background
        } else {
            Self::Foreground
        })
    }
}

/// Where a call's command runs, as the model wrote it.
pub(crate) fn directory_of(args: &Value) -> &str {
    text_argument(args, &["dir_path", "directory", "path"]).unwrap_or(".")
}

fn read<'a>(
    context: &ToolContext<'a>,
    args: &'a Value,
) -> Result<(ShellCommand<'a>, Place), ArgumentError> {
    let command = ShellCommand {
        command: required_text(args, &["command"])?,
        directory: directory_of(args),
        timeout_ms: whole_number(args, "timeout_ms")?,
        call_id: context.call_id,
    };
    Ok((command, Place::of(args)?))
}
