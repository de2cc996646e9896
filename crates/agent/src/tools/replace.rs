//! `replace`: replaces a text in a file of the workspace.

use async_trait::async_trait;
use llm::ToolSpec;
use model::Effect;
use sandbox::{FileError, Workspace, WorkspacePath};
use serde_json::{Value, json};

use super::arguments::{ArgumentError, required_text, whole_number};
use super::{Tool, ToolContext, ToolOutcome};

const MAX_FILE_BYTES: u64 = 20 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Replace;

#[derive(Debug)]
struct Edit {
    path: String,
    old: String,
    new: String,
    expected: Expected,
}

/// How often the old text must be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Times(u64),
    AtLeastOnce,
}

#[async_trait]
impl Tool for Replace {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "replace".to_owned(),
            description: "Replaces a text in a file of the workspace. The old text must be found exactly as given, and exactly once unless expected_replacements says otherwise. An empty old text makes a new file.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "file_path": {"type": "string", "description": "The file, relative to the workspace."},
                    "old_string": {"type": "string", "description": "The text to replace, with enough context to be unique."},
                    "new_string": {"type": "string", "description": "The text to put in its place."},
                    "expected_replacements": {"type": "integer", "description": "How often the old text stands in the file. Default 1."},
                    "instruction": {"type": "string", "description": "What the change is for."},
                },
                "required": ["file_path", "old_string", "new_string"],
            }),
        }
    }

    fn effect(&self) -> Effect {
        // A second run would not find the old text, or find it in the new one.
        Effect::Write
    }

    async fn call(&self, context: &ToolContext<'_>, args: &Value) -> ToolOutcome {
        let edit = match read_arguments(args) {
            Ok(edit) => edit,
            Err(error) => return ToolOutcome::error(error.to_string()),
        };
        let edited = context.session.files(move |workspace| {
            let path = WorkspacePath::parse(&edit.path)?;
            if edit.old.is_empty() {
                return make(workspace, &path, &edit);
            }
            let bytes = workspace.read(&path, MAX_FILE_BYTES)?;
            let Ok(text) = String::from_utf8(bytes) else {
                return Ok(ToolOutcome::error(format!(
                    "{} is not a UTF-8 text.",
                    edit.path
                )));
            };
            match replaced(&text, &edit) {
                Ok((text, count)) => {
                    workspace.write(&path, text.as_bytes())?;
                    Ok(ToolOutcome::Success(format!(
                        "Replaced {count} in {}.",
                        edit.path
                    )))
                }
                Err(error) => Ok(ToolOutcome::error(error)),
            }
        });
        match edited.await {
            Ok(outcome) => outcome,
            Err(error) => ToolOutcome::error(error.to_string()),
        }
    }
}

fn read_arguments(args: &Value) -> Result<Edit, ArgumentError> {
    let multiple = args.get("allow_multiple").and_then(Value::as_bool) == Some(true);
    let expected = whole_number(args, "expected_replacements")?.unwrap_or(1);
    Ok(Edit {
        path: required_text(args, &["file_path", "absolute_path", "path"])?.to_owned(),
        old: required_text(args, &["old_string"])?.to_owned(),
        new: required_text(args, &["new_string"])?.to_owned(),
        expected: if multiple {
            Expected::AtLeastOnce
        } else {
            Expected::Times(expected)
        },
    })
}

/// An empty old text makes a file that is not there yet.
fn make(
    workspace: &Workspace,
    path: &WorkspacePath,
    edit: &Edit,
) -> Result<ToolOutcome, FileError> {
    match workspace.stat(path) {
        Err(FileError::NotFound { .. }) => {}
        Err(error) => return Err(error),
        Ok(_) => {
            let text = format!("{} exists. Give the text to replace.", edit.path);
            return Ok(ToolOutcome::error(text));
        }
    }
    workspace.write(path, edit.new.as_bytes())?;
    Ok(ToolOutcome::Success(format!("Made {}.", edit.path)))
}

fn replaced(text: &str, edit: &Edit) -> Result<(String, u64), String> {
    let found = u64::try_from(text.matches(&edit.old).count()).unwrap_or(u64::MAX);
    match edit.expected {
        _ if edit.old == edit.new => Err("The old and the new text are the same.".to_owned()),
        _ if found == 0 => Err(format!("The old text was not found in {}.", edit.path)),
        Expected::Times(expected) if found != expected => Err(format!(
            "The old text stands {found} times in {}, expected were {expected}. Give more context, or expected_replacements.",
            edit.path
        )),
        Expected::Times(_) | Expected::AtLeastOnce => {
            Ok((text.replace(&edit.old, &edit.new), found))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(old: &str, new: &str, expected: Expected) -> Edit {
        Edit {
            path: "a".to_owned(),
            old: old.to_owned(),
            new: new.to_owned(),
            expected,
        }
    }

    #[test]
    fn the_old_text_must_be_found_as_often_as_expected() {
        let once = Expected::Times(1);
        assert_eq!(
            replaced("a b", &edit("b", "c", once)),
            Ok(("a c".to_owned(), 1))
        );
        assert!(replaced("b b", &edit("b", "c", once)).is_err());
        assert_eq!(
            replaced("b b", &edit("b", "c", Expected::Times(2))),
            Ok(("c c".to_owned(), 2))
        );
        assert_eq!(
            replaced("b b", &edit("b", "c", Expected::AtLeastOnce)),
            Ok(("c c".to_owned(), 2))
        );
        assert!(replaced("b b", &edit("x", "c", Expected::AtLeastOnce)).is_err());
        assert!(replaced("b", &edit("b", "b", once)).is_err());
    }
}
