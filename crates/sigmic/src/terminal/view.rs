//! The stream of a task as text. Pure: events and their time in, text out; colours are stripped
//! elsewhere where they are not wanted. On a pipe the text is the model's own, and nothing of it
//! depends on how long things took.
//!
//! What was printed cannot be taken back. After a broken connection the server sends again what
//! came after the last id; what is equal to what was printed is skipped, and where it differs (the
//! turn was made anew) the view says so.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Instant;

use client::{CallStatus, Followed, ServerEvent};
use serde_json::{Value, json};
use wire::{MessageResponse, Role, ThoughtResponse};

use super::markdown::Markdown;
use super::progress::Progress;
use super::{clean, one_line};

const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RESET: &str = "\x1b[0m";

/// Lines of a tool's output that are shown.
const OUTPUT_LINES: usize = 12;
/// Characters of a line of output, or of arguments that nobody is asked about, that are shown.
const LINE_CHARS: usize = 160;

/// How a stream is shown.
#[derive(Debug)]
pub(crate) struct View {
    form: Form,
    look: Look,
    markdown: Markdown,
    progress: Progress,
    /// The saved answer to the latest of the saved messages.
    answer: Option<String>,
    /// Whether the last thing shown did not end its line.
    mid_line: bool,
    /// What was shown since the last event with an id.
    loose: Loose,
    /// What was shown and will come again.
    again: Loose,
}

/// For what eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// A terminal: Markdown is shown, and how long things take.
    Rich,
    /// A pipe, a file, a terminal without colours: texts as they are.
    Plain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// What happens, without the saved messages.
    Run,
    /// The saved messages too.
    Task,
    /// One JSON object an event.
    Json,
}

/// Whether more text of a segment follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segment {
    GoesOn,
    Ends,
}

#[derive(Debug, Default)]
struct Loose {
    text: String,
    thoughts: VecDeque<ThoughtResponse>,
    messages: VecDeque<String>,
}

impl Loose {
    /// This, followed by what of an earlier connection had not come again yet.
    fn and(mut self, rest: Self) -> Self {
        self.text.push_str(&rest.text);
        self.thoughts.extend(rest.thoughts);
        self.messages.extend(rest.messages);
        self
    }
}

impl View {
    /// For one who sent the message.
    pub(crate) fn of_run(look: Look) -> Self {
        Self::new(Form::Run, look)
    }

    /// For one who comes to see.
    pub(crate) fn of_task(look: Look) -> Self {
        Self::new(Form::Task, look)
    }

    /// For a program.
    pub(crate) fn json() -> Self {
        Self::new(Form::Json, Look::Plain)
    }

    fn new(form: Form, look: Look) -> Self {
        Self {
            form,
            look,
            markdown: Markdown::default(),
            progress: Progress::default(),
            answer: None,
            mid_line: false,
            loose: Loose::default(),
            again: Loose::default(),
        }
    }

    /// The text to print for what was followed at that time.
    pub(crate) fn show(&mut self, followed: &Followed, now: Instant) -> String {
        let received = match (self.form, followed) {
            (Form::Json, Followed::Event(received)) => {
                let line =
                    json!({"event": received.name, "id": received.id, "data": received.data});
                return json_line(&line);
            }
            (Form::Json, Followed::Rewind) => {
                return json_line(&json!({"event": "rewind", "id": null, "data": {}}));
            }
            (Form::Run | Form::Task, Followed::Event(received)) => received,
            (Form::Run | Form::Task, Followed::Rewind) => {
                let again = std::mem::take(&mut self.again);
                self.again = std::mem::take(&mut self.loose).and(again);
                return String::new();
            }
        };
        let took = self.progress.note(&received.event, now);
        let took = took.filter(|_| self.look == Look::Rich);
        let shown = self.event(&received.event, took.as_deref());
        if received.id.is_some() {
            self.loose = Loose::default();
            self.again = Loose::default();
        }
        shown
    }

    /// What goes on at that time, for the last line of a terminal; nothing where text goes on
    /// there, and nothing for pipes and programs.
    pub(crate) fn going_on(&self, now: Instant) -> Option<String> {
        if self.look == Look::Plain || self.mid_line {
            return None;
        }
        self.progress.going_on(now)
    }

    /// `took` is how long the call took that ended.
    fn event(&mut self, event: &ServerEvent, took: Option<&str>) -> String {
        match event {
            ServerEvent::HistoryMessage(message) => self.message(message),
            ServerEvent::Status { status, message } if status != "processing" => {
                self.line(&format!("{DIM}… {}{RESET}", one_line(message, LINE_CHARS)))
            }
            ServerEvent::Thought(thought) => self.thought(thought),
            ServerEvent::Content {
                text,
                is_partial: true,
            } => self.content(text, Segment::GoesOn),
            ServerEvent::Content { text, .. } => self.content(text, Segment::Ends),
            ServerEvent::ToolCall {
                tool_name,
                status,
                args,
                ..
            } => self.call(tool_name, *status, args),
            ServerEvent::ToolResult {
                tool_name,
                status,
                output,
                error,
                ..
            } => {
                let name = tool_name.as_deref().unwrap_or("tool");
                let head = result_head(name, *status, error.as_deref(), took);
                self.result(&head, *status, output)
            }
            ServerEvent::Error { message, code } => {
                let text = format!("{RED}✗ {} ({}){RESET}", clean(message), clean(code));
                self.line(&text)
            }
            ServerEvent::Done { .. } => self.break_line(),
            ServerEvent::HistoryDone {
                is_streaming: false,
                ..
            } => match self.answer.take() {
                // The run was over before it could be followed.
                Some(answer) => self.content(&answer, Segment::Ends),
                None => String::new(),
            },
            ServerEvent::HistoryDone { .. }
            | ServerEvent::Status { .. }
            | ServerEvent::Unknown { .. } => String::new(),
        }
    }

    /// The text to print for why a run failed that was over before it could be followed.
    pub(crate) fn failure(&mut self, why: &str) -> String {
        match self.form {
            // The saved messages and the task itself say so to programs.
            Form::Json => String::new(),
            Form::Run | Form::Task => self.line(&format!("{RED}✗ {}{RESET}", clean(why))),
        }
    }

    fn message(&mut self, message: &MessageResponse) -> String {
        if self.form == Form::Run {
            self.answer = match message.role {
                Role::User => None,
                Role::Assistant => Some(message.content.clone()),
            };
            return String::new();
        }
        if self.again.messages.pop_front().is_some() {
            return String::new();
        }
        self.loose.messages.push_back(message.id.clone());
        let text = clean(&message.content);
        match (message.role, self.look) {
            (Role::User, _) => self.line(&format!("{BOLD}> {text}{RESET}")),
            (Role::Assistant, Look::Plain) => self.line(&text),
            (Role::Assistant, Look::Rich) => {
                let mut markdown = Markdown::default();
                let shown = markdown.push(&text) + &markdown.end();
                self.line(&shown)
            }
        }
    }

    fn thought(&mut self, thought: &ThoughtResponse) -> String {
        self.loose.thoughts.push_back(thought.clone());
        if self.again.thoughts.pop_front().as_ref() == Some(thought) {
            return String::new();
        }
        self.again.thoughts.clear();
        let subject = one_line(&thought.subject, LINE_CHARS);
        let rest = one_line(&thought.description, 4 * LINE_CHARS);
        let between = if subject.is_empty() || rest.is_empty() {
            ""
        } else {
            ": "
        };
        self.line(&format!("{DIM}· {subject}{between}{rest}{RESET}"))
    }

    fn content(&mut self, text: &str, segment: Segment) -> String {
        self.loose.text.push_str(text);
        let known = std::mem::take(&mut self.again.text);
        let mut shown = String::new();
        let fresh = if let Some(rest) = text.strip_prefix(known.as_str()) {
            rest
        } else if let Some(rest) = known
            .strip_prefix(text)
            .filter(|_| segment == Segment::GoesOn)
        {
            rest.clone_into(&mut self.again.text);
            ""
        } else {
            // What was held back of the old answer is none of the new one.
            self.markdown = Markdown::default();
            shown = self.line(&format!("{DIM}… the answer begins anew{RESET}"));
            self.loose.text.as_str()
        };
        let fresh = clean(fresh);
        // A segment after a tool begins with a blank line that only continuous text needs.
        let fresh = if self.mid_line {
            fresh.as_str()
        } else {
            fresh.trim_start_matches('\n')
        };
        if !fresh.is_empty() {
            match self.look {
                Look::Plain => shown.push_str(fresh),
                Look::Rich => shown.push_str(&self.markdown.push(fresh)),
            }
            self.mid_line = !fresh.ends_with('\n');
        }
        if segment == Segment::Ends {
            shown.push_str(&self.break_line());
        }
        shown
    }

    fn call(&mut self, name: &str, status: CallStatus, args: &Value) -> String {
        let name = one_line(name, LINE_CHARS);
        match status {
            CallStatus::AwaitingApproval => {
                let waits = format!("{DIM} waits for approval{RESET}");
                let head = self.line(&format!("{YELLOW}?{RESET} {BOLD}{name}{RESET}{waits}"));
                head + &whole(args)
            }
            CallStatus::Executing => {
                let args = one_line(&args.to_string(), LINE_CHARS);
                self.line(&format!("{BOLD}→{RESET} {BOLD}{name}{RESET} {args}"))
            }
            CallStatus::Validating
            | CallStatus::Scheduled
            | CallStatus::Success
            | CallStatus::Error
            | CallStatus::Cancelled => String::new(),
        }
    }

    fn result(&mut self, head: &str, status: CallStatus, output: &str) -> String {
        let mut shown = self.line(head);
        if status == CallStatus::Cancelled {
            return shown;
        }
        let lines: Vec<&str> = output.trim_end().lines().collect();
        for line in lines.iter().take(OUTPUT_LINES) {
            let line: String = clean(line).chars().take(LINE_CHARS).collect();
            shown.push_str(&format!("{DIM}  {line}{RESET}\n"));
        }
        if lines.len() > OUTPUT_LINES {
            let more = lines.len() - OUTPUT_LINES;
            shown.push_str(&format!("{DIM}  … {more} more lines{RESET}\n"));
        }
        shown
    }

    /// A line of its own.
    fn line(&mut self, text: &str) -> String {
        format!("{}{text}\n", self.break_line())
    }

    /// Ends a line that is open.
    fn break_line(&mut self) -> String {
        let mut shown = self.markdown.end();
        if std::mem::take(&mut self.mid_line) {
            shown.push('\n');
        }
        shown
    }
}

/// Arguments that are to be approved: all of them, whatever their length, a text line by line. The
/// mark before each line keeps it from passing for anything else.
fn whole(args: &Value) -> String {
    let mut shown = String::new();
    let mut line = |text: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(shown, "{DIM}  │{RESET} {}", clean(text));
    };
    match args {
        Value::Object(members) => {
            for (name, value) in members {
                let name = one_line(name, LINE_CHARS);
                match value {
                    Value::String(text) if text.contains('\n') => {
                        line(&format!("{name}:"));
                        text.split('\n').for_each(|each| line(&format!("  {each}")));
                    }
                    Value::String(text) => line(&format!("{name}: {text}")),
                    Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::Array(_)
                    | Value::Object(_) => line(&format!("{name}: {value}")),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            line(&args.to_string());
        }
    }
    shown
}

fn result_head(name: &str, status: CallStatus, error: Option<&str>, took: Option<&str>) -> String {
    let name = one_line(name, LINE_CHARS);
    let took = took.map_or_else(String::new, |took| format!("{DIM} {took}{RESET}"));
    match status {
        CallStatus::Cancelled => format!("{DIM}– {name} was not run{RESET}"),
        CallStatus::Error => {
            let error = one_line(error.unwrap_or("failed"), 2 * LINE_CHARS);
            format!("{RED}✗{RESET} {name}: {error}{took}")
        }
        CallStatus::Success
        | CallStatus::Validating
        | CallStatus::Scheduled
        | CallStatus::AwaitingApproval
        | CallStatus::Executing => format!("{GREEN}✓{RESET} {name}{took}"),
    }
}

/// An object on a line of its own. What JSON lets through and a terminal may obey is escaped.
fn json_line(value: &Value) -> String {
    let mut line = String::new();
    for c in value.to_string().chars() {
        match c {
            '\u{7f}'..='\u{9f}' => line.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => line.push(c),
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
