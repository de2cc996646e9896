//! What `proceed_always` covers: calls that are similar to the approved one, for the rest of the
//! session. Held as the decided rows of the session, so that it survives a restart.

use std::collections::HashSet;

use model::{ApprovalOutcome, JournalEvent, JournalRow, RunFold, SessionId};
use serde_json::Value;

use crate::shell_words::root_commands;
use crate::tools::text_argument;

/// The name of the tool whose similarity is decided by its command.
const SHELL: &str = "run_shell_command";

/// What makes two calls similar.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Similar {
    /// The same tool, whatever its arguments.
    Tool(String),
    /// A shell command made of this root command.
    RootCommand(String),
    /// Exactly this shell command: an interpreter, a wrapper, or text that cannot be parsed.
    ExactCommand(String),
}

/// Everything that was always-approved in a session.
#[derive(Debug, Clone, Default)]
pub struct ApprovalMemory(HashSet<Similar>);

impl ApprovalMemory {
    /// Learns from the decided rows among `rows`, whose calls are in `run`.
    pub fn learn(&mut self, run: &RunFold, session: SessionId, rows: &[JournalRow]) {
        for row in rows.iter().filter(|row| row.run == run.run()) {
            let JournalEvent::ToolDecided(decided) = &row.event else {
                continue;
            };
            let Some(call) = run.call(&decided.call_id) else {
                continue;
            };
            if decided.session_id != Some(session) {
                continue;
            }
            match decided.outcome {
                ApprovalOutcome::ProceedAlways => self.0.extend(similar(&call.name, call.args())),
                ApprovalOutcome::ProceedAlwaysTool => {
                    self.0.insert(Similar::Tool(call.name.clone()));
                }
                ApprovalOutcome::ProceedAlwaysServer => {
                    self.0.insert(Similar::Tool(server_of(&call.name)));
                }
                ApprovalOutcome::ProceedOnce | ApprovalOutcome::Cancel => {}
            }
        }
    }

    /// Whether a call was covered by an earlier `proceed_always`: all parts of it.
    pub fn covers(&self, name: &str, args: &Value) -> bool {
        let whole = [
            Similar::Tool(name.to_owned()),
            Similar::Tool(server_of(name)),
        ];
        whole.iter().any(|similar| self.0.contains(similar))
            || similar(name, args).iter().all(|part| self.0.contains(part))
    }
}

/// The server part of an MCP tool's name (`server__tool`), with a mark that no tool's name has; a
/// built-in tool is its own server.
fn server_of(name: &str) -> String {
    match name.split_once("__") {
        Some((server, _)) => format!("{server}__*"),
        None => name.to_owned(),
    }
}

/// What `proceed_always` of this call covers; never empty.
fn similar(name: &str, args: &Value) -> Vec<Similar> {
    if name != SHELL {
        return vec![Similar::Tool(name.to_owned())];
    }
    let command = text_argument(args, &["command"]).unwrap_or_default();
    match root_commands(command) {
        Some(roots) => roots.into_iter().map(Similar::RootCommand).collect(),
        None => vec![Similar::ExactCommand(command.to_owned())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn covers(approved: &str, asked: &str) -> bool {
        let mut memory = ApprovalMemory::default();
        memory
            .0
            .extend(similar(SHELL, &json!({"command": approved})));
        memory.covers(SHELL, &json!({"command": asked}))
    }

    #[test]
    fn contract_158_approving_ls_does_not_cover_rm() {
        assert!(covers("ls -la", "ls /workspace/a"));
        assert!(!covers("ls -la", "rm -rf a"));
        assert!(!covers("ls -la", "ls; rm -rf a"));
        assert!(!covers("ls -la", "ls $(rm -rf a)"));
        assert!(!covers("ls -la", "ls > a; rm a"));
        assert!(covers("ls; cat a", "cat b && ls"));
    }

    #[test]
    fn interpreters_and_wrappers_are_covered_exactly_only() {
        for approved in [
            "python3 a.py",
            "sh -c 'ls'",
            "env ls",
            "xargs ls",
            "sudo ls",
            "find . -exec ls ;",
        ] {
            assert!(covers(approved, approved), "{approved}");
            assert!(!covers(approved, &format!("{approved} b")), "{approved}");
        }
        assert!(!covers("'unclosed", "'unclosed; rm a"));
    }

    #[test]
    fn other_tools_are_similar_by_name() {
        let mut memory = ApprovalMemory::default();
        memory
            .0
            .extend(similar("write_file", &json!({"file_path": "a"})));
        assert!(memory.covers("write_file", &json!({"file_path": "b"})));
        assert!(!memory.covers("replace", &json!({"file_path": "a"})));
    }
}
