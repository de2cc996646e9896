//! Commands that go on between calls and runs.

use std::sync::Arc;

use serde_json::{Value, json};
use testkit::{Reply, Script, TestServer};

use crate::support::{call_of, message, processes_at};

fn shell(command: &str) -> Reply {
    Reply::call("run_shell_command", json!({"command": command}))
}

fn background(command: &str) -> Reply {
    Reply::call(
        "run_shell_command",
        json!({"command": command, "is_background": true}),
    )
}

fn read(id: &str) -> Reply {
    Reply::call("read_background_output", json!({"id": id}))
}

/// Makes these calls, then reads all that `bg-1` printed again and again until `wanted` is there.
fn until(calls: Vec<Reply>, wanted: &'static str) -> Script {
    Script::respond(move |request| {
        let outputs = request.tool_outputs();
        if let Some(call) = calls.get(outputs.len()) {
            return call.clone();
        }
        if outputs
            .iter()
            .skip(calls.len())
            .any(|output| output.contains(wanted))
        {
            return Reply::say("seen");
        }
        // Never the same twice, or the run would be taken to go in circles.
        if outputs.len() % 2 == 0 {
            return shell("cat /proc/uptime /proc/loadavg; echo $RANDOM");
        }
        Reply::call("read_background_output", json!({"id": "bg-1", "offset": 0}))
    })
}

/// The outputs of the calls of a finished task's run.
fn outputs(task: &Value) -> Vec<String> {
    let calls = task["output"]["toolCalls"].as_array().unwrap().iter();
    let output = |call: &Value| call["output"].as_str().unwrap().to_owned();
    calls.map(output).collect()
}

#[tokio::test]
async fn a_background_command_answers_at_once_and_goes_on_between_calls() {
    let server = TestServer::start(until(
        vec![
            shell("mkfifo go"),
            background("echo up; cat go; echo oops >&2; exit 3"),
            Reply::call("list_background_commands", json!({})),
            shell("echo word > go"),
        ],
        "exit code 3",
    ))
    .await;
    let id = server.api.create(&message("x")).await;
    let outputs = outputs(&server.api.finished(&id).await);
    assert!(outputs[1].starts_with("Started in the background as bg-1.\n[bg-1: running for "));
    assert!(
        outputs[2].starts_with("bg-1 (running, started "),
        "{}",
        outputs[2]
    );
    assert!(outputs[2].contains("echo up; cat go;"));
    let last = outputs.last().unwrap();
    let head = "[bg-1: ended, exit code 3; bytes 0 to 13 of its output; all of it is in .sigmic/outputs/bg-1.txt]";
    assert_eq!(last, &format!("{head}\nup\nword\noops\n"));
    let kept = server.workspace(&id).join(".sigmic/outputs/bg-1.txt");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "up\nword\noops\n");
}

#[tokio::test]
async fn a_quick_background_command_is_answered_with_its_end() {
    let server = TestServer::start([
        background("echo ready"),
        background("echo no >&2; exit 7"),
        Reply::call(
            "run_shell_command",
            json!({"command": "true", "is_background": true, "dir_path": "nowhere"}),
        ),
        read("bg-9"),
        Reply::call("stop_background_command", json!({})),
        Reply::say("ok"),
    ])
    .await;
    let id = server.api.create(&message("x")).await;
    let task = server.api.finished(&id).await;
    let calls = task["output"]["toolCalls"].as_array().unwrap();
    let statuses: Vec<&Value> = calls.iter().map(|call| &call["status"]).collect();
    assert_eq!(statuses, ["success", "error", "error", "error", "error"]);
    let outputs = outputs(&task);
    assert!(outputs[0].contains("ended, exit code 0;") && outputs[0].ends_with("]\nready\n"));
    assert!(outputs[1].contains("[bg-2: ended, exit code 7;") && outputs[1].ends_with("]\nno\n"));
    assert!(outputs[2].contains("could not be run"), "{}", outputs[2]);
    assert!(outputs[3].contains("no background command \"bg-9\""));
    assert!(outputs[4].contains("`id` is missing"));
}

#[tokio::test]
async fn a_background_command_lives_on_between_runs_and_dies_with_a_cancel() {
    let server = TestServer::start([
        shell("mkfifo go"),
        background("cat go; tail -f /dev/null & wait"),
        Reply::say("one"),
        shell("echo word > go"),
        shell("while [ ! -s .sigmic/outputs/bg-1.txt ]; do :; done"),
        read("bg-1"),
        shell("cat go"),
        read("bg-1"),
        background("tail -f /dev/null"),
        Reply::say("three"),
    ])
    .await;
    let id = server.api.create(&message("x")).await;
    server.api.finished(&id).await;
    server.api.follow_up(&id, &message("more")).await.data();
    let mut events = server.api.stream(&id).await;
    for _ in 0..2 {
        events.until("tool_result").await;
    }
    let result = events.until("tool_result").await;
    let output = result.data["output"].as_str().unwrap();
    assert!(
        output.contains("bg-1: running") && output.ends_with("]\nword\n"),
        "{output}"
    );
    events.until("tool_call").await;
    server
        .api
        .delete(&format!("/api/v1/tasks/{id}"))
        .await
        .data();
    assert_eq!(processes_at(&server.workspace(&id)), 0);
    server.api.follow_up(&id, &message("and now")).await.data();
    let outputs = outputs(&server.api.finished(&id).await);
    assert!(
        outputs[0].contains("may still be in .sigmic/outputs/bg-1.txt"),
        "{}",
        outputs[0]
    );
    assert!(
        outputs[1].contains("as bg-2."),
        "its name is a new one: {}",
        outputs[1]
    );
}

#[tokio::test]
async fn after_a_restart_a_background_command_is_gone_and_its_output_is_not() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let start = async |replies: Vec<Reply>| {
        let builder = TestServer::builder().in_directory(&directory);
        builder.script(replies).start().await
    };
    let first = start(vec![
        background("echo printed; tail -f /dev/null"),
        shell("while [ ! -s .sigmic/outputs/bg-1.txt ]; do :; done"),
        Reply::say("ok"),
    ])
    .await;
    let id = first.api.create(&message("x")).await;
    first.api.finished(&id).await;
    let workspace = first.workspace(&id);
    first.stop().await;
    assert_eq!(processes_at(&workspace), 0);
    let second = start(vec![
        read("bg-1"),
        Reply::call("list_background_commands", json!({})),
        Reply::call(
            "read_file",
            json!({"file_path": ".sigmic/outputs/bg-1.txt"}),
        ),
        Reply::say("ok"),
    ])
    .await;
    let api = &second.api;
    api.follow_up(&id, &message("more")).await.data();
    let outputs = outputs(&api.finished(&id).await);
    assert!(outputs[0].contains("no background command \"bg-1\" in this session"));
    assert!(outputs[1].contains("no background commands"));
    assert_eq!(outputs[2], "printed\n");
}

#[tokio::test]
async fn stopping_ends_the_whole_tree() {
    let server = TestServer::start([
        background("(tail -f /dev/null & echo up) ; tail -f /dev/null"),
        shell("while [ ! -s .sigmic/outputs/bg-1.txt ]; do :; done"),
        Reply::call("stop_background_command", json!({"id": "bg-1"})),
        shell("ls /proc | grep -c '^[0-9]'; pgrep tail; echo end"),
        Reply::call("stop_background_command", json!({"id": "bg-1"})),
        Reply::call("list_background_commands", json!({})),
        Reply::say("ok"),
    ])
    .await;
    let id = server.api.create(&message("x")).await;
    let outputs = outputs(&server.api.finished(&id).await);
    assert!(
        outputs[2].starts_with("bg-1 was stopped."),
        "{}",
        outputs[2]
    );
    let lines: Vec<&str> = outputs[3].lines().collect();
    assert_eq!(lines.len(), 2, "no tail is left: {}", outputs[3]);
    assert!(
        outputs[4].contains("was over already (stopped)"),
        "{}",
        outputs[4]
    );
    assert!(outputs[5].starts_with("bg-1 (stopped, "), "{}", outputs[5]);
}

#[tokio::test]
async fn a_session_runs_sixteen_at_once() {
    let mut script: Vec<Reply> = vec![background("tail -f /dev/null"); 17];
    script.push(Reply::call(
        "stop_background_command",
        json!({"id": "bg-3"}),
    ));
    script.push(background("tail -f /dev/null"));
    script.push(Reply::say("ok"));
    let server = TestServer::start(script).await;
    let id = server.api.create(&message("x")).await;
    let task = server.api.finished(&id).await;
    let outputs = outputs(&task);
    assert!(outputs[15].contains("as bg-16."), "{}", outputs[15]);
    assert_eq!(task["output"]["toolCalls"][16]["status"], "error");
    assert!(outputs[16].contains("16 background commands are running"));
    assert!(outputs[18].contains("as bg-17."), "{}", outputs[18]);
}

#[tokio::test]
async fn a_person_decides_about_a_background_command_as_about_any_other() {
    let server = TestServer::start([
        shell("echo fore"),
        background("echo back"),
        background("echo again"),
        read("bg-1"),
        Reply::say("ok"),
    ])
    .await;
    let body = json!({"message": "x", "autoExecute": false});
    let id = server.api.create(&body).await;
    let mut events = server.api.stream(&id).await;
    for (asked, outcome) in [
        ("run_shell_command", "proceed_always"),
        // What was approved for the foreground is not for the background.
        ("run_shell_command", "proceed_always"),
        ("read_background_output", "proceed_once"),
    ] {
        let waiting = loop {
            let event = events.until("tool_call").await;
            if event.data["status"] == "awaiting_approval" {
                break event;
            }
        };
        assert_eq!(waiting.data["toolName"], asked);
        let decision = json!({"outcome": outcome});
        server
            .api
            .approve(&id, &call_of(&waiting), &decision)
            .await
            .data();
    }
    let outputs = outputs(&server.api.finished(&id).await);
    assert!(outputs[2].contains("as bg-2."), "{}", outputs[2]);
    // Its run was parked meanwhile, and nothing of it lived any more.
    assert!(
        outputs[3].contains("[bg-1: ended, exit code 0;"),
        "{}",
        outputs[3]
    );
}

#[tokio::test]
async fn a_secret_is_masked_however_its_printing_is_cut() {
    let secret = "correct-horse-battery";
    let command = "printf '%s' \"${WORD:0:9}\"; cat go; printf '%s\\n' \"${WORD:9}\"";
    let server = TestServer::start(until(
        vec![
            shell("mkfifo go"),
            background(command),
            read("bg-1"),
            shell("true > go"),
        ],
        "exit code 0",
    ))
    .await;
    let body = json!({"message": "x", "secrets": {"WORD": secret}});
    let id = server.api.create(&body).await;
    let outputs = outputs(&server.api.finished(&id).await);
    assert!(outputs.last().unwrap().ends_with("]\n***\n"), "{outputs:?}");
    for output in &outputs {
        assert!(
            !output.contains("correct-h") && !output.contains("orse-batt"),
            "{output}"
        );
    }
    let kept = server.workspace(&id).join(".sigmic/outputs/bg-1.txt");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "***\n");
}

#[tokio::test]
async fn a_sandbox_that_was_ended_from_inside_leaves_nothing_when_that_is_told() {
    // As many as an end takes time for. The first process is the nearest one below the command's
    // supervisor that may be signalled.
    let command = "for each in $(seq 200); do (trap '' TERM; sleep 301 >/dev/null 2>&1 &); done; \
                   for ((pid = PPID - 1; pid > 1; pid--)); do kill -9 $pid 2>/dev/null && break; done; sleep 301";
    let server = TestServer::builder()
        .engine_choice(sandbox::EngineChoice::Landlock)
        .script(vec![
            shell(command),
            shell("echo a new one"),
            Reply::say("ok"),
        ])
        .start()
        .await;
    let id = server.api.create(&message("x")).await;
    let mut events = server.api.stream(&id).await;
    let result = events.until("tool_result").await;
    assert_eq!(result.data["status"], "error", "{}", result.data);
    assert_eq!(processes_at(&server.workspace(&id)), 0);
    let outputs = outputs(&server.api.finished(&id).await);
    assert!(outputs[0].contains("ended"), "{}", outputs[0]);
    assert_eq!(outputs[1], "a new one\n");
}

#[tokio::test]
async fn a_background_command_that_fills_the_workspace_is_ended_and_says_why() {
    let fill = "echo $$ > pid; i=0; while :; do i=$((i+1)); head -c 1000000 /dev/zero > f$i; sleep 0.02; done";
    // Commands that are waited for are stopped before it is, though they write nothing.
    let wait = "until [ -s pid ]; do :; done; while kill -0 $(cat pid) 2>&-; do sleep 0.1; done";
    let calls = vec![
        background(fill),
        shell(wait),
        shell(&format!("{wait}; echo over")),
    ];
    let server = TestServer::builder()
        .workspace_bytes(20 << 20)
        .script(until(calls, "the workspace is full"))
        .start()
        .await;
    let id = server.api.create(&message("x")).await;
    let outputs = outputs(&server.api.finished(&id).await);
    let last = outputs.last().unwrap();
    let told = last.starts_with("[bg-1: ") && last.contains("the workspace is full");
    assert!(told, "{outputs:?}");
}
