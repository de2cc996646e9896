//! `glob`: files by their name.

use async_trait::async_trait;
use llm::ToolSpec;
use model::Effect;
use sandbox::{FileError, Workspace, WorkspacePath};
use serde_json::{Value, json};

use super::arguments::{ArgumentError, required_text, text_argument, truth};
use super::tree::{Case, Ignored, files_below, globs, relative};
use super::{Tool, ToolContext, ToolOutcome};

/// Paths shown at most.
const MAX_SHOWN: usize = 500;

#[derive(Debug)]
pub(super) struct Glob;

struct Request {
    pattern: String,
    directory: String,
    case: Case,
    ignored: Ignored,
}

#[async_trait]
impl Tool for Glob {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "glob".to_owned(),
            description:
                "Finds files by a glob pattern such as **/*.py, most recently changed first."
                    .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "pattern": {"type": "string", "description": "The pattern, such as src/**/*.ts."},
                    "dir_path": {"type": "string", "description": "Where to look, relative to the workspace. Default: everywhere."},
                    "case_sensitive": {"type": "boolean", "description": "Default false."},
                    "respect_git_ignore": {"type": "boolean", "description": "Leave out what .gitignore names. Default true."},
                },
                "required": ["pattern"],
            }),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    async fn call(&self, context: &ToolContext<'_>, args: &Value) -> ToolOutcome {
        let request = match read_arguments(args) {
            Ok(request) => request,
            Err(error) => return ToolOutcome::error(error.to_string()),
        };
        match context
            .session
            .files(move |workspace| find(workspace, &request))
            .await
        {
            Ok(outcome) => outcome,
            Err(error) => ToolOutcome::error(error.to_string()),
        }
    }
}

fn read_arguments(args: &Value) -> Result<Request, ArgumentError> {
    let sensitive = truth(args, "case_sensitive")?.unwrap_or(false);
    let respect = truth(args, "respect_git_ignore")?.unwrap_or(true);
    Ok(Request {
        pattern: required_text(args, &["pattern"])?.to_owned(),
        directory: text_argument(args, &["dir_path", "path"])
            .unwrap_or(".")
            .to_owned(),
        case: if sensitive {
            Case::Sensitive
        } else {
            Case::Insensitive
        },
        ignored: if respect {
            Ignored::LeftOut
        } else {
            Ignored::Included
        },
    })
}

fn find(workspace: &Workspace, request: &Request) -> Result<ToolOutcome, FileError> {
    let start = WorkspacePath::parse(&request.directory)?;
    let pattern = request.pattern.trim_start_matches("./").to_owned();
    let set = match globs(&[pattern], request.case) {
        Ok(set) => set,
        Err(error) => return Ok(ToolOutcome::error(error)),
    };
    let (mut files, cut) = files_below(workspace, &start, request.ignored)?;
    files.retain(|file| set.is_match(relative(&start, &file.path)));
    files.sort_by(|a, b| (b.stat.modified_at, &a.path).cmp(&(a.stat.modified_at, &b.path)));
    if files.is_empty() {
        return Ok(ToolOutcome::Success(format!(
            "No file matches {:?}.",
            request.pattern
        )));
    }
    let mut lines: Vec<&str> = files
        .iter()
        .take(MAX_SHOWN)
        .map(|file| file.path.as_str())
        .collect();
    let more = format!("… and {} more", files.len().saturating_sub(MAX_SHOWN));
    if files.len() > MAX_SHOWN {
        lines.push(&more);
    }
    if cut {
        lines.push("… the tree is too large to be searched whole; give a dir_path");
    }
    Ok(ToolOutcome::Success(lines.join("\n")))
}
