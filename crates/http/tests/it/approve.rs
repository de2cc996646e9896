//! `POST /api/v1/tasks/{id}/tools/{callId}/approve`.

use serde_json::{Value, json};
use testkit::{Reply, TestServer};

use crate::support::call_of;

fn manual(text: &str) -> Value {
    json!({"message": text, "autoExecute": false})
}

fn once() -> Value {
    json!({"outcome": "proceed_once"})
}

/// Creates a manual task and waits for its first waiting call.
async fn waiting(server: &TestServer) -> (String, String) {
    let id = server.api.create(&manual("hi")).await;
    let event = server.api.stream(&id).await.until("tool_call").await;
    assert_eq!(event.data["status"], "awaiting_approval");
    let call = call_of(&event);
    (id, call)
}

#[tokio::test]
async fn contract_095_096_a_waiting_call_is_a_pending_approval() {
    let server = TestServer::start([
        Reply::call("list_directory", json!({"dir_path": "."})),
        Reply::say("ok"),
    ])
    .await;
    let (id, call) = waiting(&server).await;
    let task = server.api.task(&id).await;
    assert_eq!(task["status"], "awaiting_approval");
    let expected =
        json!([{"callId": call, "toolName": "list_directory", "args": {"dir_path": "."}}]);
    assert_eq!(task["pendingApprovals"], expected);
    assert_eq!(
        task["output"]["toolCalls"][0]["status"],
        "awaiting_approval"
    );
    server.api.approve(&id, &call, &once()).await.data();
    let task = server.api.finished(&id).await;
    assert_eq!(task.get("pendingApprovals"), None);
}

#[tokio::test]
async fn contract_155_proceed_once_runs_the_call() {
    let server = TestServer::start([
        Reply::call("write_file", json!({"file_path": "a.txt", "content": "x"})),
        Reply::say("done"),
    ])
    .await;
    let id = server.api.create(&manual("hi")).await;
    let mut events = server.api.stream(&id).await;
    let call = call_of(&events.until("tool_call").await);
    assert_eq!(
        server.api.approve(&id, &call, &once()).await.data(),
        json!({"approved": true})
    );
    let rest = events.rest().await;
    let names: Vec<&str> = rest.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["tool_call", "tool_result", "content", "done"]);
    assert_eq!(rest[0].data["status"], "executing");
    assert_eq!(rest[1].data["status"], "success");
}

#[tokio::test]
async fn contract_156_proceed_once_counts_once() {
    let list = || Reply::call("list_directory", json!({}));
    let server = TestServer::start([list(), list(), Reply::say("ok")]).await;
    let id = server.api.create(&manual("hi")).await;
    let mut events = server.api.stream(&id).await;
    for _ in 0..2 {
        let waiting = events.until("tool_call").await;
        assert_eq!(waiting.data["status"], "awaiting_approval");
        server
            .api
            .approve(&id, &call_of(&waiting), &once())
            .await
            .data();
        assert_eq!(events.until("tool_call").await.data["status"], "executing");
    }
    assert_eq!(events.rest().await.last().unwrap().name, "done");
}

#[tokio::test]
async fn contract_157_158_proceed_always_covers_similar_calls() {
    let shell = |command: &str| Reply::call("run_shell_command", json!({"command": command}));
    let server = TestServer::start([
        shell("ls"),
        shell("ls -a /workspace"),
        shell("rm -f x"),
        Reply::say("ok"),
    ])
    .await;
    let id = server.api.create(&manual("hi")).await;
    let mut events = server.api.stream(&id).await;
    let first = events.until("tool_call").await;
    server
        .api
        .approve(&id, &call_of(&first), &json!({"outcome": "proceed_always"}))
        .await
        .data();
    events.until("tool_result").await;
    assert_eq!(events.until("tool_call").await.data["status"], "executing");
    let third = events.until("tool_call").await;
    assert_eq!(
        (&third.data["status"], &third.data["args"]["command"]),
        (&json!("awaiting_approval"), &json!("rm -f x"))
    );
    server
        .api
        .approve(&id, &call_of(&third), &json!({"outcome": "cancel"}))
        .await
        .data();
    assert_eq!(events.rest().await.last().unwrap().name, "done");
}

#[tokio::test]
async fn contract_159_cancel_rejects_the_call_and_tells_the_model() {
    let server = TestServer::start([
        Reply::call("write_file", json!({"file_path": "a.txt", "content": "x"})),
        Reply::say("as you wish"),
    ])
    .await;
    let id = server.api.create(&manual("hi")).await;
    let mut events = server.api.stream(&id).await;
    let call = call_of(&events.until("tool_call").await);
    let body = json!({"outcome": "cancel", "reason": "not that file"});
    assert_eq!(
        server.api.approve(&id, &call, &body).await.data(),
        json!({"approved": false})
    );
    let result = events.until("tool_result").await;
    assert_eq!(result.data["status"], "cancelled");
    events.rest().await;
    assert_eq!(server.api.task(&id).await["status"], "completed");
    let told = server.model().requests()[1].tool_outputs();
    assert!(told[0].contains("not that file"), "{told:?}");
    let workspace = server
        .directory
        .path()
        .join("workspaces")
        .join(&id)
        .join("a.txt");
    assert!(!workspace.exists());
}

#[tokio::test]
async fn contract_160_161_wrong_outcomes_and_unknown_calls() {
    let server =
        TestServer::start([Reply::call("list_directory", json!({})), Reply::say("ok")]).await;
    let (id, call) = waiting(&server).await;
    for body in [
        json!({"outcome": "yes"}),
        json!({}),
        json!({"outcome": 1}),
        json!({"outcome": null}),
    ] {
        let answer = server.api.approve(&id, &call, &body).await;
        assert_eq!(
            answer.error(),
            (400, "VALIDATION_ERROR".to_owned()),
            "{body}"
        );
    }
    let unknown = server.api.approve(&id, "call_unknown", &once()).await;
    assert_eq!(unknown.error(), (404, "NOT_FOUND".to_owned()));
    let other = "00000000-0000-4000-8000-000000000000";
    assert_eq!(
        server.api.approve(other, &call, &once()).await.error(),
        (404, "NOT_FOUND".to_owned())
    );
    // Nothing of that decided anything.
    assert_eq!(server.api.task(&id).await["status"], "awaiting_approval");
}

#[tokio::test]
async fn contract_162_163_the_first_decision_wins() {
    let server = TestServer::start([
        Reply::call("run_shell_command", json!({"command": "echo x >> log"})),
        Reply::say("ok"),
    ])
    .await;
    let (id, call) = waiting(&server).await;
    let body = once();
    let tries = (0..8).map(|_| server.api.approve(&id, &call, &body));
    let answers = futures_util::future::join_all(tries).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 200).count(),
        1
    );
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.error(), (409, "TOOL_CALL_NOT_PENDING".to_owned()));
    }
    server.api.finished(&id).await;
    let late = server.api.approve(&id, &call, &body).await;
    assert_eq!(late.error(), (409, "TOOL_CALL_NOT_PENDING".to_owned()));
    let log = server
        .directory
        .path()
        .join("workspaces")
        .join(&id)
        .join("log");
    assert_eq!(std::fs::read_to_string(log).unwrap(), "x\n");
}

#[tokio::test]
async fn contract_164_165_166_calls_are_decided_one_by_one_without_a_stream() {
    let server = TestServer::start([
        Reply::new()
            .tool_call("list_directory", json!({"dir_path": "uploads"}))
            .tool_call("list_directory", json!({"dir_path": "downloads"})),
        Reply::say("ok"),
    ])
    .await;
    let (id, _) = waiting(&server).await;
    let pending = server.api.task(&id).await["pendingApprovals"].clone();
    assert_eq!(pending.as_array().unwrap().len(), 2);
    let call = |at: usize| pending[at]["callId"].as_str().unwrap().to_owned();
    server.api.approve(&id, &call(0), &once()).await.data();
    let task = server.api.task(&id).await;
    assert_eq!(task["status"], "awaiting_approval");
    assert_eq!(task["pendingApprovals"], json!([pending[1]]));
    server.api.approve(&id, &call(1), &once()).await.data();
    assert_ne!(server.api.task(&id).await["status"], "awaiting_approval");
    assert_eq!(server.api.finished(&id).await["status"], "completed");
}

#[tokio::test]
async fn edited_arguments_run_instead_and_are_shown() {
    let server = TestServer::start([
        Reply::call(
            "write_file",
            json!({"file_path": "a.txt", "content": "proposed"}),
        ),
        Reply::say("ok"),
    ])
    .await;
    let id = server.api.create(&manual("hi")).await;
    let mut events = server.api.stream(&id).await;
    let call = call_of(&events.until("tool_call").await);
    let args = json!({"file_path": "b.txt", "content": "edited"});
    server
        .api
        .approve(
            &id,
            &call,
            &json!({"outcome": "proceed_once", "args": args}),
        )
        .await
        .data();
    assert_eq!(events.until("tool_call").await.data["args"], args);
    let result = events.until("tool_result").await;
    assert!(result.data["output"].as_str().unwrap().contains("edited"));
    events.rest().await;
    let workspace = server.directory.path().join("workspaces").join(&id);
    assert_eq!(
        std::fs::read_to_string(workspace.join("b.txt")).unwrap(),
        "edited"
    );
    assert!(!workspace.join("a.txt").exists());
}

#[tokio::test]
async fn contract_169_a_cancelled_task_has_no_pending_call() {
    let server = TestServer::start([Reply::call("list_directory", json!({}))]).await;
    let (id, call) = waiting(&server).await;
    server
        .api
        .delete(&format!("/api/v1/tasks/{id}"))
        .await
        .data();
    let task = server.api.task(&id).await;
    assert_eq!(task["status"], "cancelled");
    assert_eq!(task.get("pendingApprovals"), None);
    assert_eq!(task["output"]["toolCalls"][0]["status"], "cancelled");
    let late = server.api.approve(&id, &call, &once()).await;
    assert_eq!(late.error(), (409, "TOOL_CALL_NOT_PENDING".to_owned()));
}

#[tokio::test]
async fn a_question_waits_in_every_mode_and_is_answered_by_its_approval() {
    let ask = || {
        Reply::call(
            "ask_user",
            json!({"questions": [{"question": "Which colour?"}]}),
        )
    };
    let server = TestServer::start([ask(), ask(), Reply::say("red it is")]).await;
    let id = server.api.create(&json!({"message": "paint it"})).await;
    let mut events = server.api.stream(&id).await;
    let waiting = events.until("tool_call").await;
    assert_eq!(waiting.data["status"], "awaiting_approval");
    let answer = json!({"outcome": "proceed_always", "args": {"questions": waiting.data["args"]["questions"], "answers": ["red"]}});
    server
        .api
        .approve(&id, &call_of(&waiting), &answer)
        .await
        .data();
    assert_eq!(
        events.until("tool_result").await.data["output"],
        "Which colour?: red"
    );
    // Answering one question answers no other.
    let again = events.until("tool_call").await;
    assert_eq!(again.data["status"], "awaiting_approval");
    server
        .api
        .approve(&id, &call_of(&again), &once())
        .await
        .data();
    let result = events.until("tool_result").await;
    assert_eq!(
        (&result.data["status"], &result.data["output"]),
        (&json!("error"), &json!("The user gave no answer."))
    );
    events.rest().await;
    assert_eq!(server.api.task(&id).await["status"], "completed");
}

#[tokio::test]
async fn a_run_may_wait_any_number_of_times() {
    const CALLS: usize = 25;
    let calls = (0..CALLS).map(|at| {
        Reply::call(
            "list_directory",
            json!({"dir_path": ".", "description": at}),
        )
    });
    let server = TestServer::start(calls.chain([Reply::say("ok")]).collect::<Vec<_>>()).await;
    let id = server.api.create(&manual("hi")).await;
    let mut events = server.api.stream(&id).await;
    for _ in 0..CALLS {
        let waiting = events.until("tool_call").await;
        assert_eq!(waiting.data["status"], "awaiting_approval");
        server
            .api
            .approve(&id, &call_of(&waiting), &once())
            .await
            .data();
        events.until("tool_result").await;
    }
    assert_eq!(events.rest().await.last().unwrap().name, "done");
}
