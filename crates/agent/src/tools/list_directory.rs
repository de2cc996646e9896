//! `list_directory`: what is in a directory of the workspace.

use async_trait::async_trait;
use llm::ToolSpec;
use model::Effect;
use sandbox::{DirectoryEntry, EntryKind, WorkspacePath};
use serde_json::{Value, json};

use super::arguments::{text_argument, texts};
use super::{Tool, ToolContext, ToolOutcome};

/// Entries shown at most.
const MAX_ENTRIES: usize = 1_000;
/// What the server keeps in a workspace (the whole of large outputs): readable, not listed.
const OWN_DIRECTORY: &str = ".sigmic";
/// Entries read at most.
const MAX_LISTED: usize = 100_000;

#[derive(Debug)]
pub(super) struct ListDirectory;

#[async_trait]
impl Tool for ListDirectory {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "list_directory".to_owned(),
            description: "Lists the files and directories in a directory of the workspace, directories first.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "dir_path": {"type": "string", "description": "The directory, relative to the workspace. Default: the workspace itself."},
                    "ignore": {"type": "array", "items": {"type": "string"}, "description": "Names to leave out; * stands for any characters."},
                },
            }),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    async fn call(&self, context: &ToolContext<'_>, args: &Value) -> ToolOutcome {
        let path = text_argument(args, &["dir_path", "path", "directory"])
            .unwrap_or(".")
            .to_owned();
        let ignore = match texts(args, "ignore") {
            Ok(ignore) => ignore,
            Err(error) => return ToolOutcome::error(error.to_string()),
        };
        let listed = context.session.files(move |workspace| {
            let entries = workspace.list(&WorkspacePath::parse(&path)?, MAX_LISTED)?;
            Ok(show(&path, entries, &ignore))
        });
        listed.await.into()
    }
}

fn show(path: &str, mut entries: Vec<DirectoryEntry>, ignore: &[String]) -> String {
    let ignored = |name: &str| ignore.iter().any(|pattern| matches_name(pattern, name));
    entries.retain(|entry| entry.name != OWN_DIRECTORY && !ignored(&entry.name));
    entries.sort_by(|a, b| (!is_directory(a), &a.name).cmp(&(!is_directory(b), &b.name)));
    if entries.is_empty() {
        return format!("The directory {path} is empty.");
    }
    let lines = entries.iter().take(MAX_ENTRIES).map(|entry| {
        if is_directory(entry) {
            format!("[DIR] {}", entry.name)
        } else {
            format!("{} ({} bytes)", entry.name, entry.stat.size_bytes)
        }
    });
    let mut shown: Vec<String> = lines.collect();
    if entries.len() > MAX_ENTRIES {
        shown.push(format!("… and {} more", entries.len() - MAX_ENTRIES));
    }
    shown.join("\n")
}

fn is_directory(entry: &DirectoryEntry) -> bool {
    entry.stat.kind == EntryKind::Directory
}

/// Whether `name` matches a pattern in which `*` stands for any characters.
fn matches_name(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return name.ends_with(part);
        }
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, matches) in [
            ("*.log", "a.log", true),
            ("*.log", "a.txt", false),
            ("node_modules", "node_modules", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c", false),
            ("*", "anything", true),
        ] {
            assert_eq!(matches_name(pattern, name), matches, "{pattern} {name}");
        }
    }
}
