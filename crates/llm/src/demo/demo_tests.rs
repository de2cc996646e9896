use std::process::Command;

use futures_util::{FutureExt, StreamExt};
use model::{CallId, ToolCall, ToolStatus};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{ProposedCall, ToolSpec, parse_thought};

const TOOLS: [&str; 6] = [
    "run_shell_command",
    "list_directory",
    "read_file",
    "write_file",
    "replace",
    "mcp_s_find",
];

/// A conversation with the demo.
struct Talk(TurnRequest);

impl Talk {
    fn new() -> Self {
        let tool = |name: &str| ToolSpec {
            name: name.to_owned(),
            description: String::new(),
            parameters: json!({"type": "object", "required": ["q"]}),
        };
        Self(TurnRequest {
            model: "demo".to_owned(),
            system: String::new(),
            messages: Vec::new(),
            tools: TOOLS.into_iter().map(tool).collect(),
            max_output_tokens: None,
            temperature: None,
        })
    }

    /// The user says something; what the demo answers goes into the conversation.
    fn say(&mut self, text: &str) -> Answered {
        self.0.messages.push(Message::User {
            text: text.to_owned(),
        });
        self.next()
    }

    /// The proposed call ended.
    fn result(&mut self, output: &str, status: ToolStatus) -> Answered {
        let call = match self.0.messages.last() {
            Some(Message::Assistant { tool_calls, .. }) => tool_calls[0].clone(),
            other => panic!("no call waits: {other:?}"),
        };
        self.0.messages.push(Message::Tool {
            call_id: call.call_id,
            name: call.name,
            output: output.to_owned(),
            status,
        });
        self.next()
    }

    fn next(&mut self) -> Answered {
        let events: Vec<_> = Demo(DemoConfig::default())
            .stream(self.0.clone())
            .collect()
            .now_or_never()
            .expect("the demo waits for nothing");
        let mut answered = Answered::default();
        for event in events {
            match event.expect("the demo does not fail") {
                TurnEvent::Text(text) => answered.pieces.push(text),
                TurnEvent::Thought(text) => answered.thought.push_str(&text),
                TurnEvent::ToolCall(call) => answered.call = Some(call),
                TurnEvent::Finished { finish, .. } => {
                    let calls = answered.call.is_some();
                    assert_eq!(finish == FinishReason::ToolCalls, calls);
                }
            }
        }
        let calls = answered.call.iter().map(|call| ToolCall {
            call_id: CallId::new("id"),
            name: call.name.clone(),
            args: call.args.clone(),
        });
        self.0.messages.push(Message::Assistant {
            text: answered.text(),
            thoughts: vec![parse_thought(&answered.thought)],
            tool_calls: calls.collect(),
            provider_state: Value::Null,
        });
        answered
    }
}

#[derive(Default)]
struct Answered {
    pieces: Vec<String>,
    thought: String,
    call: Option<ProposedCall>,
}

impl Answered {
    fn text(&self) -> String {
        self.pieces.concat()
    }

    #[track_caller]
    fn called(&self, name: &str, args: &Value) {
        let call = self.call.as_ref().expect("a call");
        assert_eq!((call.name.as_str(), &call.args), (name, args));
        assert!(!parse_thought(&self.thought).subject.is_empty());
    }
}

#[test]
fn the_quickstart_works() {
    let mut talk = Talk::new();
    assert_eq!(talk.say("What is 2 + 2?").text(), "2 + 2 = 4.");
    assert_eq!(
        talk.say("Multiply the previous result by 10").text(),
        "4 * 10 = 40."
    );
    assert_eq!(talk.say("add 2 to it").text(), "40 + 2 = 42.");
    assert_eq!(
        talk.say("divide it by 0").text(),
        "That has no result that can be written as a number."
    );
    assert_eq!(talk.say("minus 2").text(), "42 - 2 = 40.");
}

#[test]
fn arithmetic_is_found_among_other_sentences() {
    for text in [
        "What is 2 + 2? Reply with only the number.",
        "Here is a question for you.\nWhat is 2 + 2?",
        "Hello! What is 2 + 2?",
    ] {
        assert_eq!(Talk::new().say(text).text(), "2 + 2 = 4.", "{text}");
    }
}

#[test]
fn memory_is_needed_where_it_is_asked_for() {
    let answered = Talk::new().say("multiply that by 10");
    assert!(
        answered.text().contains("no earlier result"),
        "{}",
        answered.text()
    );
}

#[test]
fn each_rule_calls_its_tool_and_answers_from_the_result() {
    let table = [
        (
            "list the files",
            "list_directory",
            json!({"dir_path": "."}),
            "a.txt",
            "This is in `.`:\n\n```\na.txt\n```",
        ),
        (
            "list the files",
            "list_directory",
            json!({"dir_path": "."}),
            "",
            "`.` is empty.",
        ),
        (
            "read a.txt",
            "read_file",
            json!({"file_path": "a.txt"}),
            "hi\n",
            "`a.txt` says:\n\n```\nhi\n```",
        ),
        (
            "write häh to a.txt",
            "write_file",
            json!({"file_path": "a.txt", "content": "häh"}),
            "ok",
            "I wrote 4 bytes to `a.txt`.",
        ),
    ];
    for (text, tool, args, output, answer) in table {
        check_rule(text, tool, &args, output, answer);
    }
}

fn check_rule(text: &str, tool: &str, args: &Value, output: &str, answer: &str) {
    let mut talk = Talk::new();
    let first = talk.say(text);
    first.called(tool, args);
    assert_eq!(first.text(), "");
    assert_eq!(
        talk.result(output, ToolStatus::Success).text(),
        answer,
        "{text}"
    );
}

#[test]
fn changing_running_and_calling_do_too() {
    let table = [
        (
            "replace a with b in a.txt",
            "replace",
            json!({"file_path": "a.txt", "old_string": "a", "new_string": "b"}),
            "ok",
            "I replaced \"a\" with \"b\" in `a.txt`.",
        ),
        (
            "run `echo hi`",
            "run_shell_command",
            json!({"command": "echo hi"}),
            "hi",
            "`echo hi` printed:\n\n```\nhi\n```",
        ),
        (
            "run `true`",
            "run_shell_command",
            json!({"command": "true"}),
            "",
            "`true` printed nothing.",
        ),
        (
            "call the tool find with q=x",
            "mcp_s_find",
            json!({"q": "x"}),
            "y",
            "`mcp_s_find` answered:\n\n```\ny\n```",
        ),
    ];
    for (text, tool, args, output, answer) in table {
        check_rule(text, tool, &args, output, answer);
    }
}

#[test]
fn a_failed_or_refused_call_ends_the_plan() {
    let mut talk = Talk::new();
    talk.say("write a to a.txt and then read a.txt");
    let answered = talk.result("disk full", ToolStatus::Error);
    assert!(answered.text().contains("disk full") && answered.call.is_none());

    for (reason, end) in [("", "."), ("too risky", ": too risky.")] {
        let mut talk = Talk::new();
        talk.say("run `rm -r x`");
        let answered = talk.result(reason, ToolStatus::Cancelled);
        assert_eq!(
            answered.text(),
            format!("`run_shell_command` was not allowed to run, so I stopped{end}")
        );
    }
}

#[test]
fn steps_follow_each_other() {
    let mut talk = Talk::new();
    talk.say("write a to a.txt and then read a.txt")
        .called("write_file", &json!({"file_path": "a.txt", "content": "a"}));
    let second = talk.result("ok", ToolStatus::Success);
    assert_eq!(second.text(), "I wrote 1 byte to `a.txt`.");
    second.called("read_file", &json!({"file_path": "a.txt"}));
    let last = talk.result("a", ToolStatus::Success);
    assert_eq!(last.text(), "`a.txt` says:\n\n```\na\n```");
    assert!(last.call.is_none());
}

#[test]
fn a_tool_that_is_not_offered_is_named() {
    let mut talk = Talk::new();
    talk.0.tools.clear();
    let answered = talk.say("read a.txt");
    assert_eq!(
        answered.text(),
        "That takes the tool `read_file`, which is not offered to me here."
    );
    assert!(
        talk.say("call the tool find")
            .text()
            .contains("There is no tool `find`")
    );
}

#[test]
fn anything_else_gets_the_truth_in_several_pieces() {
    for text in ["Hello", "Who are you?", ""] {
        let answered = Talk::new().say(text);
        assert!(
            answered.text().contains("not a language model"),
            "{}",
            answered.text()
        );
        assert!((2..=MAX_PIECES).contains(&answered.pieces.len()));
    }
    assert!(Talk::new().next().text().contains("not a language model"));
}

/// Runs the command that the demo proposes for `ask` over a file with `csv` in it.
fn summed(ask: &str, csv: &str) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    std::fs::create_dir_all(dir.join("uploads")).expect("a directory");
    std::fs::write(dir.join("uploads/it's.csv"), csv).expect("a file");
    let mut talk = Talk::new();
    let call = talk.say(ask).call.expect("a call");
    let output = Command::new("sh")
        .args(["-c", call.args["command"].as_str().expect("a command")])
        .current_dir(dir)
        .output()
        .expect("a shell");
    let status = if output.status.success() {
        ToolStatus::Success
    } else {
        ToolStatus::Error
    };
    talk.result(&String::from_utf8_lossy(&output.stdout), status)
        .text()
}

#[test]
fn a_column_is_summed_by_the_shell() {
    let csv = "name, Amount ,note\r\n\"a,b\",1.5,x\r\nc,\"$2,000\",y\r\n\r\nd,-0.5,z\r\n";
    assert_eq!(
        summed("sum the amount column of it's.csv", csv),
        "Sum of amount in `it's.csv` over 3 rows = 2001."
    );
    assert_eq!(
        summed("sum column 2 of it's.csv", csv),
        "Sum of 2 in `it's.csv` over 3 rows = 2001."
    );
    assert_eq!(
        summed("total of it's.csv", "a,b\n1,0.1\n2,0.2"),
        "Sum of the last column in `it's.csv` over 2 rows = 0.3."
    );
    let missing = summed("sum the price column of it's.csv", csv);
    assert!(missing.contains("no such column"), "{missing}");
}

#[test]
fn a_sum_is_remembered() {
    let mut talk = Talk::new();
    talk.say("sum the amount column of a.csv");
    talk.result("sum=21 rows=2\n", ToolStatus::Success);
    assert_eq!(talk.say("double it").text(), "21 * 2 = 42.");
}

proptest! {
    #[test]
    fn no_message_panics(text in r"(run|write|read|list|sum|call|use|create|replace|[a-z.`'é{}()=\n ]){0,12}") {
        let mut talk = Talk::new();
        if talk.say(&text).call.is_some() {
            talk.result(&text, ToolStatus::Success);
        }
    }
}
