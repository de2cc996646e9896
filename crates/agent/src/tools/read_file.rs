//! `read_file`: a text file of the workspace, whole or some of its lines.

use async_trait::async_trait;
use llm::ToolSpec;
use model::Effect;
use sandbox::WorkspacePath;
use serde_json::{Value, json};

use super::arguments::{ArgumentError, required_text, whole_number};
use super::{Tool, ToolContext, ToolOutcome};

/// A larger file is read with `offset` and `limit` through the shell.
const MAX_FILE_BYTES: u64 = 20 * 1024 * 1024;
/// Lines shown when the call does not say how many.
const DEFAULT_LINES: usize = 2_000;

#[derive(Debug)]
pub(super) struct ReadFile;

/// Which lines: from 0, how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lines {
    skip: usize,
    take: usize,
}

#[async_trait]
impl Tool for ReadFile {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "read_file".to_owned(),
            description: "Reads a text file of the workspace. Long files are shown in part, with a note how to read on.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "file_path": {"type": "string", "description": "The file, relative to the workspace."},
                    "offset": {"type": "integer", "description": "Lines to skip."},
                    "limit": {"type": "integer", "description": "Lines to read. Default 2000."},
                },
                "required": ["file_path"],
            }),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    async fn call(&self, context: &ToolContext<'_>, args: &Value) -> ToolOutcome {
        let (path, lines) = match read_arguments(args) {
            Ok(arguments) => arguments,
            Err(error) => return ToolOutcome::error(error.to_string()),
        };
        let read = context.session.files(move |workspace| {
            let bytes = workspace.read(&WorkspacePath::parse(&path)?, MAX_FILE_BYTES)?;
            Ok(show(&path, &bytes, lines))
        });
        match read.await {
            Ok(outcome) => outcome,
            Err(error) => ToolOutcome::error(error.to_string()),
        }
    }
}

/// Either spelling: `offset` and `limit` from 0, or `start_line` and `end_line` from 1.
fn read_arguments(args: &Value) -> Result<(String, Lines), ArgumentError> {
    let path = required_text(args, &["file_path", "absolute_path", "path"])?.to_owned();
    let start = whole_number(args, "start_line")?.map(|line| line.saturating_sub(1));
    let skip = whole_number(args, "offset")?.or(start).unwrap_or(0);
    let end = whole_number(args, "end_line")?.map(|line| line.saturating_sub(skip));
    let take = whole_number(args, "limit")?.or(end);
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let lines = Lines {
        skip: size(skip),
        take: take.map_or(DEFAULT_LINES, size),
    };
    Ok((path, lines))
}

fn show(path: &str, bytes: &[u8], lines: Lines) -> ToolOutcome {
    if bytes.iter().take(8_192).any(|byte| *byte == 0) {
        return ToolOutcome::error(format!("{path} is a binary file of {} bytes.", bytes.len()));
    }
    let text = String::from_utf8_lossy(bytes);
    let total = text.lines().count();
    if lines.skip == 0 && total <= lines.take {
        return ToolOutcome::Success(text.into_owned());
    }
    let shown: Vec<&str> = text.lines().skip(lines.skip).take(lines.take).collect();
    if shown.is_empty() {
        return ToolOutcome::error(format!(
            "{path} has {total} lines; there is nothing after line {}.",
            lines.skip
        ));
    }
    let last = lines.skip + shown.len();
    let first = lines.skip + 1;
    let more = if last < total {
        format!("; read on with offset {last}")
    } else {
        String::new()
    };
    ToolOutcome::Success(format!(
        "[lines {first}–{last} of {total}{more}]\n{}",
        shown.join("\n")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_named_in_every_spelling() {
        let lines = |args: Value| read_arguments(&args).unwrap().1;
        assert_eq!(
            lines(json!({"file_path": "a"})),
            Lines {
                skip: 0,
                take: DEFAULT_LINES
            }
        );
        assert_eq!(
            lines(json!({"absolute_path": "a", "offset": 2, "limit": 3})),
            Lines { skip: 2, take: 3 }
        );
        assert_eq!(
            lines(json!({"path": "a", "start_line": 3, "end_line": 5})),
            Lines { skip: 2, take: 3 }
        );
    }

    #[test]
    fn a_part_says_where_it_lies() {
        let part = show("a", b"1\n2\n3\n4\n", Lines { skip: 1, take: 2 });
        assert_eq!(
            part,
            ToolOutcome::Success("[lines 2–3 of 4; read on with offset 3]\n2\n3".to_owned())
        );
        assert_eq!(
            show("a", b"1\n2", Lines { skip: 0, take: 5 }),
            ToolOutcome::Success("1\n2".to_owned())
        );
        assert!(matches!(
            show("a", b"1", Lines { skip: 5, take: 5 }),
            ToolOutcome::Error { .. }
        ));
        assert!(matches!(
            show("a", b"\0", Lines { skip: 0, take: 5 }),
            ToolOutcome::Error { .. }
        ));
    }
}
