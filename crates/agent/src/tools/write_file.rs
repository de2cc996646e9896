//! `write_file`: makes or overwrites a file of the workspace.

use async_trait::async_trait;
use llm::ToolSpec;
use model::Effect;
use sandbox::WorkspacePath;
use serde_json::{Value, json};

use super::arguments::required_text;
use super::{Tool, ToolContext, ToolOutcome};

#[derive(Debug)]
pub(super) struct WriteFile;

#[async_trait]
impl Tool for WriteFile {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "write_file".to_owned(),
            description: "Writes a text file of the workspace, making its directories; an existing file is replaced.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "file_path": {"type": "string", "description": "The file, relative to the workspace."},
                    "content": {"type": "string", "description": "The whole text of the file."},
                },
                "required": ["file_path", "content"],
            }),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Idempotent
    }

    async fn call(&self, context: &ToolContext<'_>, args: &Value) -> ToolOutcome {
        let arguments =
            required_text(args, &["file_path", "absolute_path", "path"]).and_then(|path| {
                Ok((
                    path.to_owned(),
                    required_text(args, &["content"])?.to_owned(),
                ))
            });
        let (path, content) = match arguments {
            Ok(arguments) => arguments,
            Err(error) => return ToolOutcome::error(error.to_string()),
        };
        let written = context.session.files(move |workspace| {
            workspace.write(&WorkspacePath::parse(&path)?, content.as_bytes())?;
            Ok(format!("Wrote {} bytes to {path}.", content.len()))
        });
        written.await.into()
    }
}
