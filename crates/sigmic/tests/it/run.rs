use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::scripted::{Answer, CREATED, event, serve};
use crate::support::{Home, Killed};

#[test]
fn run_is_plain_and_stable_on_a_pipe() {
    let home = Home::new();
    let _server = home.serve();
    let said = home.say(&["run", "What is 17 * 23?"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(said.out, "17 * 23 = 391.\n");
    assert!(said.err.starts_with("Task "), "{said:?}");
    assert!(!said.err.contains('\x1b'), "{said:?}");
}

#[test]
fn run_json_is_one_event_a_line() {
    let home = Home::new();
    let _server = home.serve();
    let said = home.say(&["run", "--json", "What is 17 * 23?"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let lines: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<_> = lines
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "history_message",
            "history_done",
            "status",
            "content",
            "done"
        ]
    );
    assert_eq!(lines[4]["data"]["finalResponse"], "17 * 23 = 391.");
    assert!(lines[4]["id"].as_i64() > lines[1]["id"].as_i64());
}

#[test]
fn a_person_decides_about_calls() {
    let home = Home::new();
    let _server = home.serve();
    let run = ["run", "--manual", "List the files here"];
    let said = home.answer(&run, "what?\ny\n");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.out
            .contains("? list_directory waits for approval\n  │ dir_path: .\n")
    );
    assert!(said.out.contains("\n✓ list_directory\n"), "{said:?}");
    assert_eq!(said.err.matches("Run it?").count(), 2, "{said:?}");

    let said = home.answer(&run, "n\nnot today\n");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.out.contains("\n– list_directory was not run\n"),
        "{said:?}"
    );
    assert!(!said.out.contains('✓'), "{said:?}");
}

#[test]
fn nobody_to_answer_leaves_the_task_waiting() {
    let home = Home::new();
    let _server = home.serve();
    let said = home.say(&["run", "--manual", "List the files here"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let (_, by_hand) = said.err.split_once("sigmic tasks approve ").unwrap();
    let mut words = by_hand.split_whitespace();
    let (id, call_id) = (words.next().unwrap(), words.next().unwrap());
    let task = home.json(&["tasks", "get", id, "--json"]);
    assert_eq!(task["status"], "awaiting_approval");
    assert_eq!(task["pendingApprovals"][0]["callId"], call_id);

    let decided = home.json(&["tasks", "approve", id, call_id, "--json"]);
    assert_eq!(decided["approved"], true);
    let said = home.say(&["tasks", "stream", id]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.starts_with("> List the files here\n"), "{said:?}");
    assert!(said.out.contains("This is in"), "{said:?}");

    let again = home.say(&["tasks", "approve", id, call_id]);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("TOOL_CALL_NOT_PENDING"), "{again:?}");
}

#[test]
fn ctrl_c_cancels_the_task() {
    let home = Home::new();
    let _server = home.serve();
    let mut command = home.command(&["run", "Run the command `sleep 600`"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Killed(command.spawn().unwrap());
    let mut out = BufReader::new(child.0.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("→ run_shell_command") {
        assert!(out.read_line(&mut said).unwrap() > 0, "{said}");
    }
    let began = Instant::now();
    child.signal(Signal::INT);
    out.read_to_string(&mut said).unwrap();
    let status = child.0.wait().unwrap();
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("TASK_CANCELLED"), "{said}");
    let listed = home.json(&["tasks", "list", "--status", "cancelled", "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

#[test]
fn a_task_is_talked_with_and_looked_at() {
    let home = Home::new();
    let _server = home.serve();
    home.say(&["run", "What is 17 * 23?"]);
    let listed = home.json(&["tasks", "list", "--json"]);
    let id = listed[0]["id"].as_str().unwrap();
    let said = home.say(&["tasks", "follow-up", id, "Add 9 to that"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("400"), "{said:?}");
    let history = home.json(&["tasks", "history", id, "--json"]);
    assert_eq!(history["messages"].as_array().unwrap().len(), 4);
    let text = home.say(&["tasks", "history", id]).out;
    assert!(
        text.contains("Add 9 to that") && !text.contains('\x1b'),
        "{text}"
    );
    let said = home.say(&["tasks", "cancel", id]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("TASK_NOT_CANCELLABLE"), "{said:?}");
    assert!(
        home.say(&["tasks", "get", id])
            .out
            .contains("status:     completed")
    );
    assert!(
        home.say(&["tasks", "list"])
            .out
            .contains("What is 17 * 23?")
    );
}

#[test]
fn what_the_server_refuses_is_said_with_its_code() {
    let home = Home::new();
    let _server = home.serve();
    let said = home.say(&["run", "--model", "openai/none", "hi"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("VALIDATION_ERROR"), "{said:?}");
    let said = home.say(&["tasks", "get", "no-such-task"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("NOT_FOUND"), "{said:?}");
}

#[test]
fn the_local_key_stays_on_this_machine() {
    let home = Home::new();
    home.serve().terminate();
    let said = home.say(&["tasks", "list", "--base-url", "http://192.0.2.1"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("SIGMIC_API_KEY"), "{said:?}");
}

#[test]
fn without_a_server_the_hint_is_clear() {
    let home = Home::new();
    let said = home.say(&["run", "hi"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("sigmic serve"), "{said:?}");
    let stopped = home.with("SIGMIC_LISTEN", "127.0.0.1:9");
    stopped.json(&["admin", "bootstrap", "--json"]);
    let key = stopped.json(&["admin", "bootstrap", "--json"]);
    let stopped = stopped.with("SIGMIC_API_KEY", key["apiKey"].as_str().unwrap());
    let said = stopped.say(&["run", "hi"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("is the server running?"), "{said:?}");
}

const ANSWERED: &str = r#"{"id":"t1","apiKeyId":null,"username":"a","sessionId":null,
    "conversationId":null,"status":"completed","message":"hi","systemPrompt":null,
    "showInHistory":true,"autoExecute":true,"env":null,"error":null,"createdAt":"x",
    "startedAt":null,"completedAt":null}"#;
const FAILED: &str = r#"{"id":"t1","apiKeyId":null,"username":"a","sessionId":null,
    "conversationId":null,"status":"failed","message":"hi","systemPrompt":null,
    "showInHistory":true,"autoExecute":true,"env":null,"error":"the model is gone",
    "createdAt":"x","startedAt":null,"completedAt":null}"#;

/// A server whose runs are over before anybody can follow them.
fn quick(status: &'static str) -> String {
    let message = |role: &str, content: &str| {
        let data = json!({"id": role, "role": role, "content": content, "createdAt": "x"});
        event("history_message", &data.to_string(), None)
    };
    let mut events = message("user", "before") + &message("assistant", "an older answer");
    events += &message("user", "hi");
    if status == "completed" {
        events += &message("assistant", "It is 42.");
    }
    let done = json!({"messageCount": 3, "isStreaming": false});
    events += &event("history_done", &done.to_string(), Some(9));
    serve(move |request, _| match request {
        "POST /api/v1/tasks" => CREATED,
        "GET /api/v1/tasks/t1" => Answer::Data(match status {
            "completed" => ANSWERED,
            _ => FAILED,
        }),
        _ => Answer::Stream(events.clone()),
    })
}

#[test]
fn a_run_that_was_over_at_once_loses_no_word() {
    let home = Home::new().with("SIGMIC_API_KEY", "k");
    let said = home.say(&["run", "--base-url", &quick("completed"), "hi"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "It is 42.\n"));
    let said = home.say(&["run", "--base-url", &quick("failed"), "hi"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert_eq!(said.out, "✗ the model is gone\n");
}
