//! The demo's next turn: a call for what was asked, or words about what came of it.

use model::ToolStatus;
use serde_json::json;

use super::calculator::{self, format_number, result_in};
use super::intent::{Intent, intents};
use super::phrase::{block, sentences, shell_quote};
use crate::{Message, ProposedCall, TurnRequest};

/// What the demo does next.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Turn {
    pub(super) thought: Option<String>,
    pub(super) text: String,
    pub(super) call: Option<ProposedCall>,
}

/// What came of a call.
#[derive(Clone, Copy)]
struct ToolOutcome<'a> {
    tool: &'a str,
    output: &'a str,
    status: ToolStatus,
}

const HELP: &str = "I am Sigmic's built-in demo: a few fixed rules that run offline, not a \
    language model. I can:\n\n\
    - calculate, and go on from the result: \"What is 2 + 2?\", then \"multiply that by 10\"\n\
    - list files: \"list the files in uploads\"\n\
    - read a file: \"read notes.txt\"\n\
    - write a file: \"write hello to notes.txt\"\n\
    - change a file: \"replace hello with goodbye in notes.txt\"\n\
    - add up a CSV column: \"sum the amount column of sales.csv\"\n\
    - run a command: \"run `ls -la`\"\n\
    - call a tool by name: \"call the tool search with query=rust\"\n\n\
    For anything else, configure a real model (for example with `OPENAI_API_KEY`, or \
    `OPENAI_BASE_URL` and `SIGMIC_MODEL` for a server of your own).";

/// The next turn of the conversation.
pub(super) fn next_turn(request: &TurnRequest) -> Turn {
    let asked = request
        .messages
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, message)| match message {
            Message::User { text } => Some((at, own_words(text))),
            Message::Assistant { .. } | Message::Tool { .. } => None,
        });
    let Some((at, text)) = asked else {
        return say(HELP.to_owned());
    };
    let outcomes = outcomes(&request.messages[at..]);
    let steps = intents(text, &request.tools);
    let done = outcomes.len().min(steps.len());
    let mut turn = Turn::default();
    if let Some(last) = done.checked_sub(1) {
        let outcome = outcomes[last];
        turn.text = match outcome.status {
            ToolStatus::Success => answer(&steps[last], outcome.output),
            ToolStatus::Error => {
                let output = block(outcome.output);
                return say(format!(
                    "That did not work. `{}` says:\n\n{output}",
                    outcome.tool
                ));
            }
            ToolStatus::Cancelled => return say(refused(outcome)),
        };
    }
    if let Some(step) = steps.get(done) {
        let next = take_step(step, request, memory(&request.messages[..at]));
        let joint = if turn.text.is_empty() || next.text.is_empty() {
            ""
        } else {
            "\n\n"
        };
        turn = Turn {
            text: [turn.text.as_str(), joint, next.text.as_str()].concat(),
            ..next
        };
    }
    turn
}

fn refused(outcome: ToolOutcome<'_>) -> String {
    let reason = outcome.output.trim();
    let joint = if reason.is_empty() { "" } else { ": " };
    format!(
        "`{}` was not allowed to run, so I stopped{joint}{reason}.",
        outcome.tool
    )
}

fn say(text: String) -> Turn {
    Turn {
        text,
        ..Turn::default()
    }
}

/// A message without the list of the files that came with it, which stands before it.
fn own_words(text: &str) -> &str {
    match text.strip_prefix("Files that came with this message:\n") {
        Some(list) => list.split_once("\n\n").map_or(text, |(_, words)| words),
        None => text,
    }
}

fn outcomes(messages: &[Message]) -> Vec<ToolOutcome<'_>> {
    messages
        .iter()
        .filter_map(|message| match message {
            Message::Tool {
                name,
                output,
                status,
                ..
            } => Some(ToolOutcome {
                tool: name,
                output,
                status: *status,
            }),
            Message::User { .. } | Message::Assistant { .. } => None,
        })
        .collect()
}

/// The latest result in the conversation: its memory is what was said, and nothing else.
fn memory(messages: &[Message]) -> Option<f64> {
    messages.iter().rev().find_map(|message| match message {
        Message::Assistant { text, .. } => result_in(text),
        Message::User { .. } | Message::Tool { .. } => None,
    })
}

fn take_step(step: &Intent, request: &TurnRequest, memory: Option<f64>) -> Turn {
    match step {
        Intent::Talk { text } => say(talk(text, memory)),
        Intent::NoSuchTool { tool } => {
            let offered: Vec<_> = request
                .tools
                .iter()
                .map(|tool| tool.name.as_str())
                .collect();
            say(format!(
                "There is no tool `{tool}`. I may call: {}.",
                if offered.is_empty() {
                    "none".to_owned()
                } else {
                    offered.join(", ")
                }
            ))
        }
        Intent::Run { .. }
        | Intent::Call { .. }
        | Intent::Sum { .. }
        | Intent::Write { .. }
        | Intent::Replace { .. }
        | Intent::Read { .. }
        | Intent::List { .. } => propose(step, request),
    }
}

fn talk(text: &str, memory: Option<f64>) -> String {
    // The whole message, else the first sentence of it that is arithmetic.
    let answer = calculator::answer(text, memory).or_else(|| {
        sentences(text)
            .into_iter()
            .find_map(|sentence| calculator::answer(sentence, memory))
    });
    match answer {
        Some(calculator::Answer::Result(shown)) => format!("{shown}."),
        Some(calculator::Answer::NoMemory) => {
            "There is no earlier result in this conversation to go on from.".to_owned()
        }
        Some(calculator::Answer::Undefined) => {
            "That has no result that can be written as a number.".to_owned()
        }
        None => HELP.to_owned(),
    }
}

/// The call that does what `step` asks for.
fn propose(step: &Intent, request: &TurnRequest) -> Turn {
    let (tool, args, subject) = match step {
        Intent::Run { command } => (
            "run_shell_command",
            json!({"command": command}),
            "Running the command",
        ),
        Intent::Call { tool, args } => (tool.as_str(), args.clone(), "Calling the tool"),
        Intent::Sum { file, column } => (
            "run_shell_command",
            json!({"command": sum_command(file, column)}),
            "Adding up the column",
        ),
        Intent::Write { file, content } => (
            "write_file",
            json!({"file_path": file, "content": content}),
            "Writing the file",
        ),
        Intent::Replace { file, old, new } => (
            "replace",
            json!({"file_path": file, "old_string": old, "new_string": new}),
            "Changing the file",
        ),
        Intent::Read { file } => ("read_file", json!({"file_path": file}), "Reading the file"),
        Intent::List { dir } => (
            "list_directory",
            json!({"dir_path": dir}),
            "Listing the files",
        ),
        Intent::Talk { .. } | Intent::NoSuchTool { .. } => return Turn::default(),
    };
    if !request.tools.iter().any(|offered| offered.name == tool) {
        return say(format!(
            "That takes the tool `{tool}`, which is not offered to me here."
        ));
    }
    Turn {
        thought: Some(format!(
            "**{subject}** I call {tool} and answer from its result."
        )),
        text: String::new(),
        call: Some(ProposedCall {
            id: None,
            name: tool.to_owned(),
            args,
        }),
    }
}

/// Words about a call that succeeded.
fn answer(step: &Intent, output: &str) -> String {
    let is_silent = output.trim().is_empty();
    match step {
        Intent::Run { command } if is_silent => format!("`{command}` printed nothing."),
        Intent::Run { command } => format!("`{command}` printed:\n\n{}", block(output)),
        Intent::Call { tool, .. } if is_silent => format!("`{tool}` answered without a word."),
        Intent::Call { tool, .. } => format!("`{tool}` answered:\n\n{}", block(output)),
        Intent::Sum { file, column } => sum_answer(file, column, output),
        Intent::Write { file, content } => {
            let unit = if content.len() == 1 { "byte" } else { "bytes" };
            format!("I wrote {} {unit} to `{file}`.", content.len())
        }
        Intent::Replace { file, old, new } => {
            format!("I replaced \"{old}\" with \"{new}\" in `{file}`.")
        }
        Intent::Read { file } if is_silent => format!("`{file}` is empty."),
        Intent::Read { file } => format!("`{file}` says:\n\n{}", block(output)),
        Intent::List { dir } if is_silent => format!("`{dir}` is empty."),
        Intent::List { dir } => format!("This is in `{dir}`:\n\n{}", block(output)),
        Intent::Talk { .. } | Intent::NoSuchTool { .. } => String::new(),
    }
}

/// Adds up a column, named or numbered; the last one if none is named. Fields may be quoted.
const SUM_PROGRAM: &str = r#"function cut(line, f,  i, c, q, n) { n = 1; q = 0; f[1] = ""
  for (i = 1; i <= length(line); i++) { c = substr(line, i, 1)
    if (c == "\"") q = !q; else if (c == "," && !q) f[++n] = ""; else f[n] = f[n] c }
  return n }
{ sub(/\r$/, ""); n = cut($0, f) }
NR == 1 { for (i = 1; i <= n; i++) { h = f[i]; gsub(/^[ \t]+|[ \t]+$/, "", h)
    if (tolower(h) == tolower(want)) col = i }
  if (!col && want ~ /^[0-9]+$/ && want <= n) col = want
  if (want == "") col = n
  if (!col) { print "no such column"; exit 1 }
  next }
length($0) { v = f[col]; gsub(/[^0-9.eE+-]/, "", v); sum += v; rows++ }
END { if (col) printf "sum=%.15g rows=%d\n", sum, rows }"#;

fn sum_command(file: &str, column: &str) -> String {
    format!(
        "f={}; [ -f \"$f\" ] || f=\"uploads/$f\"; awk -v want={} {} \"$f\"",
        shell_quote(file),
        shell_quote(column),
        shell_quote(SUM_PROGRAM),
    )
}

fn sum_answer(file: &str, column: &str, output: &str) -> String {
    let field = |name: &str| {
        let (_, after) = output.split_once(name)?;
        after.split_whitespace().next()?.parse::<f64>().ok()
    };
    let (Some(sum), Some(rows)) = (field("sum="), field("rows=")) else {
        return format!("The command printed no sum:\n\n{}", block(output));
    };
    let column = if column.is_empty() {
        "the last column"
    } else {
        column
    };
    format!(
        "Sum of {column} in `{file}` over {} rows = {}.",
        format_number(rows),
        format_number(sum)
    )
}
