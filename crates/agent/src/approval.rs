//! What `proceed_always` covers: calls that are similar to the approved one, for the rest of the
//! session. Held as the decided rows of the session, so that it survives a restart.

use std::collections::HashSet;

use model::{ApprovalOutcome, JournalEvent, JournalRow, RunFold, SessionId};
use sandbox::WorkspacePath;
use serde_json::Value;

use crate::shell_words::root_commands;
use crate::tools::{Place, directory_of, text_argument};

/// The name of the tool whose similarity is decided by its command.
const SHELL: &str = "run_shell_command";

/// What makes two calls similar.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Similar {
    /// The same tool, whatever its arguments.
    Tool(String),
    /// A shell command made of this root command.
    RootCommand {
        /// The program.
        root: String,
        /// Where it runs, if that decides which program it is.
        directory: Option<String>,
        /// Whether it goes on after the call; absent for arguments that no call can have.
        place: Option<Place>,
    },
    /// Exactly this shell command: an interpreter, a wrapper, or text that cannot be parsed.
    ExactCommand {
        /// The whole text.
        command: String,
        /// Where it runs: what the text names is found from there.
        directory: String,
        /// As for a root command.
        place: Option<Place>,
    },
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
    let directory = directory(args);
    let place = Place::of(args).ok();
    match root_commands(command) {
        Some(roots) => roots
            .into_iter()
            .map(|root| Similar::RootCommand {
                // A name is looked up on the PATH; a path leads elsewhere from elsewhere.
                directory: root.contains('/').then(|| directory.clone()),
                root,
                place,
            })
            .collect(),
        None => vec![Similar::ExactCommand {
            command: command.to_owned(),
            directory,
            place,
        }],
    }
}

/// Where a command runs, however it was spelled.
fn directory(args: &Value) -> String {
    let written = directory_of(args);
    WorkspacePath::parse(written).map_or_else(|_| written.to_owned(), |path| path.to_string())
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
    fn where_and_how_a_command_runs_is_part_of_what_was_approved() {
        let covers = |approved: Value, asked: Value| {
            let mut memory = ApprovalMemory::default();
            memory.0.extend(similar(SHELL, &approved));
            memory.covers(SHELL, &asked)
        };
        let at =
            |command: &str, directory: &str| json!({"command": command, "dir_path": directory});
        // A program of the PATH is the same everywhere; what a path or an interpreter names is not.
        assert!(covers(at("ls", "a"), at("ls", "b")));
        for command in ["./build.sh", "tools/build", "python3 a.py", "make"] {
            assert!(!covers(at(command, "a"), at(command, "b")), "{command}");
            assert!(
                covers(at(command, "a"), at(command, "/workspace/a/")),
                "{command}"
            );
            assert!(
                covers(at(command, "."), json!({"command": command})),
                "{command}"
            );
            assert!(
                !covers(at(command, "a"), json!({"command": command, "path": "b"})),
                "{command}"
            );
        }
        let back =
            |command: &str, value: Value| json!({"command": command, "is_background": value});
        for command in ["ls", "python3 a.py"] {
            let foreground = json!({"command": command});
            assert!(!covers(foreground.clone(), back(command, json!(true))));
            assert!(!covers(foreground.clone(), back(command, json!("true"))));
            assert!(!covers(back(command, json!(true)), foreground.clone()));
            assert!(covers(
                back(command, json!(true)),
                back(command, json!("True"))
            ));
            assert!(covers(foreground.clone(), back(command, json!(false))));
            assert!(!covers(foreground, back(command, json!("perhaps"))));
        }
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
