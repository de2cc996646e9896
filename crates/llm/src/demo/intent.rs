//! What a message asks for: the demo's rules, one function each. They only recognise; the tools
//! do the work.

use serde_json::Value;

use super::named_call::named_call;
use super::phrase::{after_any, is_file_like, split_word, unfence, unquote, words};
use crate::ToolSpec;

/// What a message asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Intent {
    Run {
        command: String,
    },
    Call {
        tool: String,
        args: Value,
    },
    NoSuchTool {
        tool: String,
    },
    Sum {
        file: String,
        column: String,
    },
    Write {
        file: String,
        content: String,
    },
    Replace {
        file: String,
        old: String,
        new: String,
    },
    Read {
        file: String,
    },
    List {
        dir: String,
    },
    /// Everything else: perhaps arithmetic.
    Talk {
        text: String,
    },
}

/// More than a person asks for; finding them is quadratic in it.
const MAX_STEPS: usize = 8;

/// The steps that a message asks for: most often one, at most [`MAX_STEPS`]; what is joined after
/// that is part of the last.
pub(super) fn intents(text: &str, tools: &[ToolSpec]) -> Vec<Intent> {
    let mut steps = Vec::new();
    let mut rest = text.trim();
    while steps.len() + 1 < MAX_STEPS
        && let Some((first, second)) = split_steps(rest, tools)
    {
        steps.push(intent(first, tools));
        rest = second;
    }
    steps.push(intent(rest, tools));
    steps
}

/// "Write … and then list …": only where both sides ask for something that needs a tool, so that
/// a content that happens to say "then" stays whole.
fn split_steps<'a>(text: &'a str, tools: &[ToolSpec]) -> Option<(&'a str, &'a str)> {
    let needs_tool = |part: &str| !matches!(intent(part, tools), Intent::Talk { .. });
    [
        "; then ",
        ", and then ",
        " and then ",
        ", then ",
        ". Then ",
        ". then ",
    ]
    .iter()
    .filter_map(|joint| text.split_once(joint))
    .find(|(first, second)| needs_tool(first) && needs_tool(second))
}

fn intent(text: &str, tools: &[ToolSpec]) -> Intent {
    let text = polite(text.trim());
    run(text)
        .or_else(|| named_call(text, tools))
        .or_else(|| sum(text))
        .or_else(|| write(text))
        .or_else(|| replace(text))
        .or_else(|| read(text))
        .or_else(|| list(text))
        .unwrap_or_else(|| Intent::Talk {
            text: text.to_owned(),
        })
}

/// Without "please" and the like in front.
fn polite(mut text: &str) -> &str {
    while let Some(rest) = after_any(
        text,
        &[
            "please ",
            "hi ",
            "hi, ",
            "hello ",
            "hello, ",
            "can you ",
            "could you ",
            "now ",
            "then ",
            "and ",
            "first ",
            "i want you to ",
        ],
    ) {
        text = rest;
    }
    text
}

/// "Run `ls -la`", "execute the command ls", "$ ls".
fn run(text: &str) -> Option<Intent> {
    let rest = after_any(
        text,
        &[
            "run the following command",
            "run the shell command",
            "run this command",
            "run the command",
            "run a command",
            "run command",
            "execute the command",
            "run",
            "execute",
            "$",
        ],
    )?;
    // A word that only begins with "run" is none.
    if !rest.starts_with([' ', '\n', ':', '`']) {
        return None;
    }
    let command = unfence(rest.trim_start_matches([':', ' ', '\n']));
    (!command.is_empty()).then(|| Intent::Run {
        command: command.to_owned(),
    })
}

/// "Sum the amount column of sales.csv".
fn sum(text: &str) -> Option<Intent> {
    let words = words(text);
    let is = |word: &str, known: &[&str]| known.contains(&word.to_lowercase().as_str());
    words
        .iter()
        .position(|word| is(word, &["sum", "total", "add"]))?;
    let file = words
        .iter()
        .find(|word| word.to_lowercase().ends_with(".csv"))?;
    let column = words
        .iter()
        .position(|word| is(word, &["column"]))
        .and_then(|at| {
            let named = words.get(at + 1).filter(|word| !is(word, &SMALL_WORDS));
            let before = at.checked_sub(1).and_then(|at| words.get(at));
            named.or(before.filter(|word| !is(word, &SMALL_WORDS)))
        })
        .copied()
        .unwrap_or_default();
    Some(Intent::Sum {
        file: (*file).to_owned(),
        column: column.to_owned(),
    })
}

const SMALL_WORDS: [&str; 16] = [
    "in", "of", "from", "the", "a", "csv", "up", "last", "named", "called", "and", "sum", "total",
    "to", "file", "with",
];

/// "Write hello to notes.txt", "create a file notes.txt with hello".
fn write(text: &str) -> Option<Intent> {
    let rest = after_any(
        text,
        &["write ", "save ", "put ", "store ", "create ", "make "],
    )?;
    file_first(rest).or_else(|| content_first(rest))
}

fn file_first(rest: &str) -> Option<Intent> {
    let (file, after, said_file) = leading_file(rest)?;
    let content = match after_any(
        after,
        &["with ", "containing ", "that says ", "saying ", ": "],
    ) {
        Some(content) => {
            let content = after_any(content, &["the ", "this "]).unwrap_or(content);
            let content = after_any(
                content,
                &[
                    "following content",
                    "content",
                    "contents",
                    "text",
                    "words",
                    "word",
                    "line",
                ],
            )
            .filter(|rest| rest.starts_with([' ', ':', '\n']))
            .unwrap_or(content);
            unquote(content.trim_start_matches([':', ' ']))
        }
        // "Create a file x": an empty one. Without the word it is something else.
        None if said_file && after.trim_matches(['.', ' ']).is_empty() => "",
        None => return None,
    };
    Some(Intent::Write {
        file: file.to_owned(),
        content: content.to_owned(),
    })
}

/// A file's name at the beginning, what follows, and whether the word "file" was said.
fn leading_file(text: &str) -> Option<(&str, &str, bool)> {
    let mut rest = text;
    let mut said_file = false;
    loop {
        let (word, after) = split_word(rest);
        match word.to_lowercase().as_str() {
            "a" | "an" | "the" | "new" | "text" | "empty" | "called" | "named" => rest = after,
            "file" => {
                said_file = true;
                rest = after;
            }
            "" => return None,
            _ if said_file || is_file_like(word) => {
                let name = unquote(word.trim_end_matches([',', ':', '.']));
                return Some((name, after, said_file));
            }
            _ => return None,
        }
    }
}

fn content_first(rest: &str) -> Option<Intent> {
    let (content, file) = [" to ", " into ", " in ", " as "]
        .iter()
        .filter_map(|joint| rest.rsplit_once(joint))
        .max_by_key(|(content, _)| content.len())?;
    let file = after_any(
        file,
        &[
            "the file ",
            "a file called ",
            "a file named ",
            "a file ",
            "file ",
        ],
    )
    .unwrap_or(file);
    let file = unquote(file.trim_end_matches(['.', '!', ' ']));
    if file.is_empty() || file.contains(char::is_whitespace) {
        return None;
    }
    let content = after_any(
        content,
        &["the text ", "the words ", "the word ", "the line "],
    )
    .unwrap_or(content);
    Some(Intent::Write {
        file: file.to_owned(),
        content: unquote(content).to_owned(),
    })
}

/// "Replace old with new in notes.txt".
fn replace(text: &str) -> Option<Intent> {
    let rest = after_any(text, &["replace ", "change "])?;
    let (change, file) = rest.rsplit_once(" in ")?;
    let (old, new) = change
        .split_once(" with ")
        .or_else(|| change.split_once(" by "))
        .or_else(|| change.split_once(" to "))?;
    let file = after_any(file, &["the file "]).unwrap_or(file);
    Some(Intent::Replace {
        file: unquote(file.trim_end_matches('.')).to_owned(),
        old: unquote(old).to_owned(),
        new: unquote(new).to_owned(),
    })
}

/// "Read notes.txt", "what is in notes.txt?", "show me the file notes.txt".
fn read(text: &str) -> Option<Intent> {
    let asks = [
        "read ",
        "show ",
        "cat ",
        "print ",
        "display ",
        "open ",
        "what is in ",
        "what's in ",
        "what does ",
        "what are the contents of ",
        "tell me what is in ",
    ];
    after_any(text, &asks)?;
    let words = words(text);
    let after_file = words
        .windows(2)
        .find(|pair| pair[0].eq_ignore_ascii_case("file"))
        .map(|pair| pair[1]);
    let named = words.iter().copied().find(|word| is_file_like(word));
    // "Read README" names a file too, "read me a story" does not.
    let only = match words.as_slice() {
        [verb, name] if verb.eq_ignore_ascii_case("read") => Some(*name),
        [..] => None,
    };
    let file = named.or(after_file).or(only)?;
    Some(Intent::Read {
        file: file.to_owned(),
    })
}

/// "List the files", "what files are in the uploads folder?", "ls src".
fn list(text: &str) -> Option<Intent> {
    let words = words(text);
    let lower: Vec<_> = words.iter().map(|word| word.to_lowercase()).collect();
    let has = |known: &[&str]| lower.iter().any(|word| known.contains(&word.as_str()));
    let first = lower.first()?;
    let asks = matches!(
        first.as_str(),
        "ls" | "list" | "show" | "what" | "which" | "see"
    );
    let about_files = has(&["files", "directory", "folder", "workspace", "contents"]);
    if !(asks && about_files) && first != "ls" {
        return None;
    }
    let folder = lower
        .iter()
        .position(|word| word == "folder" || word == "directory")
        .filter(|at| *at > 0)
        .map(|at| words[at - 1]);
    let place = lower
        .iter()
        .rposition(|word| word == "in" || word == "of")
        .and_then(|at| words[at + 1..].iter().find(|word| !is_article(word)))
        .copied();
    let plain = (first == "ls").then(|| words.get(1).copied()).flatten();
    let dir = folder
        .or(place)
        .or(plain)
        .filter(|name| !is_here(name))
        .unwrap_or(".");
    Some(Intent::List {
        dir: dir.to_owned(),
    })
}

fn is_article(word: &str) -> bool {
    matches!(word.to_lowercase().as_str(), "the" | "my" | "your" | "this")
}

/// Words for the workspace itself.
fn is_here(word: &str) -> bool {
    matches!(
        word.to_lowercase().as_str(),
        "the"
            | "this"
            | "current"
            | "working"
            | "workspace"
            | "here"
            | "directory"
            | "folder"
            | "my"
            | "your"
            | "a"
            | "files"
            | "list"
            | "root"
    )
}

#[cfg(test)]
#[path = "intent_tests.rs"]
mod tests;
