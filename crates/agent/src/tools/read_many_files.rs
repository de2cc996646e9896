//! `read_many_files`: several text files at once, by glob patterns.

use async_trait::async_trait;
use llm::ToolSpec;
use model::{Effect, WIRE_OUTPUT_BYTES};
use sandbox::{FileError, Workspace, WorkspacePath};
use serde_json::{Value, json};

use super::arguments::{ArgumentError, texts_or_one, truth};
use super::tree::{Case, Ignored, files_below, globs};
use super::{Tool, ToolContext, ToolOutcome};

/// A larger file is left out.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Files read at most.
const MAX_FILES: usize = 200;
/// What is rarely meant when a directory is named.
const DEFAULT_EXCLUDES: [&str; 12] = [
    "node_modules",
    "dist",
    "build",
    "target",
    "coverage",
    "__pycache__",
    ".venv",
    ".vscode",
    ".idea",
    "*.lock",
    "*.min.js",
    "*.map",
];

#[derive(Debug)]
pub(super) struct ReadManyFiles;

struct Request {
    include: Vec<String>,
    exclude: Vec<String>,
    ignored: Ignored,
}

#[async_trait]
impl Tool for ReadManyFiles {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "read_many_files".to_owned(),
            description:
                "Reads several text files, named by paths or glob patterns, one after the other."
                    .to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "include": {"type": "array", "items": {"type": "string"}, "description": "Paths or patterns, such as [\"README.md\", \"src/**/*.py\"]."},
                    "exclude": {"type": "array", "items": {"type": "string"}, "description": "Patterns to leave out."},
                    "useDefaultExcludes": {"type": "boolean", "description": "Leave out node_modules, build results and the like. Default true."},
                },
                "required": ["include"],
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
            .files(move |workspace| read(workspace, &request))
            .await
        {
            Ok(outcome) => outcome,
            Err(error) => ToolOutcome::error(error.to_string()),
        }
    }
}

fn read_arguments(args: &Value) -> Result<Request, ArgumentError> {
    let include = texts_or_one(args, &["include", "paths"])?;
    if include.is_empty() {
        return Err(ArgumentError::Missing("include"));
    }
    let mut exclude = texts_or_one(args, &["exclude"])?;
    if truth(args, "useDefaultExcludes")?.unwrap_or(true) {
        exclude.extend(DEFAULT_EXCLUDES.iter().map(ToString::to_string));
    }
    let options = args.get("file_filtering_options").unwrap_or(&Value::Null);
    let respect = truth(options, "respect_git_ignore")?.unwrap_or(true);
    let ignored = if respect {
        Ignored::LeftOut
    } else {
        Ignored::Included
    };
    Ok(Request {
        include,
        exclude,
        ignored,
    })
}

fn read(workspace: &Workspace, request: &Request) -> Result<ToolOutcome, FileError> {
    let plain: Vec<String> = request
        .include
        .iter()
        .map(|path| path.trim_start_matches("/workspace/").to_owned())
        .collect();
    let sets = globs(&plain, Case::Sensitive)
        .and_then(|include| Ok((include, globs(&request.exclude, Case::Sensitive)?)));
    let (include, exclude) = match sets {
        Ok(sets) => sets,
        Err(error) => return Ok(ToolOutcome::error(error)),
    };
    let (mut files, _) = files_below(workspace, &WorkspacePath::ROOT, request.ignored)?;
    files.retain(|file| {
        let path = file.path.as_str();
        // Named in so many words, a file is read whatever the excludes say.
        plain.iter().any(|name| name == path) || (include.is_match(path) && !exclude.is_match(path))
    });
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut output = String::new();
    let mut left_out = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let text = workspace
            .read(&file.path, MAX_FILE_BYTES)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        match text.filter(|text| {
            at < MAX_FILES && output.len() + text.len() < WIRE_OUTPUT_BYTES && !text.contains('\0')
        }) {
            Some(text) => output.push_str(&format!("--- {} ---\n{text}\n", file.path.as_str())),
            None => left_out.push(file.path.as_str()),
        }
    }
    if files.is_empty() {
        return Ok(ToolOutcome::Success("No file matches.".to_owned()));
    }
    if !left_out.is_empty() {
        output.push_str(&format!(
            "[left out, being no text or too much: {}]\n",
            left_out.join(", ")
        ));
    }
    Ok(ToolOutcome::Success(output))
}
