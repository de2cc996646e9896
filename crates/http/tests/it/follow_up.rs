//! `POST /api/v1/tasks/{id}/messages`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use testkit::{FakeClock, Gate, Reply, Script, TestServer, send};

use crate::support::message;

#[tokio::test]
async fn contract_171_175_179_180_a_follow_up_remembers() {
    let gate = Gate::new();
    let server =
        TestServer::start([Reply::say("four"), Reply::new().hang(&gate).text("forty")]).await;
    let id = server.api.create(&message("what is 2+2?")).await;
    server.api.finished(&id).await;
    let answer = server.api.follow_up(&id, &message("times ten")).await;
    assert_eq!(answer.data(), json!({"status": "running"}));
    let task = server.api.task(&id).await;
    assert_eq!(
        (&task["status"], &task["completedAt"]),
        (&json!("running"), &json!(null))
    );
    assert_eq!(task["message"], "what is 2+2?");
    gate.open();
    let task = server.api.finished(&id).await;
    assert!(task["completedAt"].is_string());
    assert_eq!(task["output"]["content"], "forty");
    let asked = server.model().requests()[1].messages();
    let said: Vec<&str> = asked
        .iter()
        .skip(1)
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    assert_eq!(said, ["what is 2+2?", "four", "times ten"]);
}

#[tokio::test]
async fn contract_173_174_what_is_refused() {
    let server = TestServer::start([Reply::say("x")]).await;
    let id = server.api.create(&message("hi")).await;
    server.api.finished(&id).await;
    for body in [json!({}), message(""), message("  "), json!({"message": 5})] {
        let answer = server.api.follow_up(&id, &body).await;
        assert_eq!(
            answer.error(),
            (400, "VALIDATION_ERROR".to_owned()),
            "{body}"
        );
    }
    let unknown = server
        .api
        .follow_up("00000000-0000-4000-8000-000000000000", &json!({}))
        .await;
    assert_eq!(unknown.error(), (404, "NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn contract_177_a_running_task_is_busy_and_undisturbed() {
    let gate = Gate::new();
    let server = TestServer::start([Reply::new().hang(&gate).text("done")]).await;
    let id = server.api.create(&message("hi")).await;
    server.model().wait_for_requests(1).await;
    let answer = server.api.follow_up(&id, &message("more")).await;
    assert_eq!(answer.error(), (409, "TASK_BUSY".to_owned()));
    gate.open();
    assert_eq!(server.api.finished(&id).await["output"]["content"], "done");
    assert_eq!(server.model().requests().len(), 1);
}

#[tokio::test]
async fn contract_178_failed_and_cancelled_tasks_run_again() {
    let gate = Gate::new();
    let server = TestServer::start(vec![
        Reply::error(400, "bad", "no"),
        Reply::say("one"),
        Reply::new().hang(&gate),
        Reply::say("two"),
    ])
    .await;
    let failed = server.api.create(&message("hi")).await;
    assert_eq!(server.api.finished(&failed).await["status"], "failed");
    server
        .api
        .follow_up(&failed, &message("again"))
        .await
        .data();
    let task = server.api.finished(&failed).await;
    assert_eq!(
        (&task["status"], &task["error"]),
        (&json!("completed"), &json!(null))
    );
    let cancelled = server.api.create(&message("hi")).await;
    server.model().wait_for_requests(3).await;
    server
        .api
        .delete(&format!("/api/v1/tasks/{cancelled}"))
        .await
        .data();
    server
        .api
        .follow_up(&cancelled, &message("again"))
        .await
        .data();
    assert_eq!(
        server.api.finished(&cancelled).await["output"]["content"],
        "two"
    );
}

#[tokio::test]
async fn contract_182_a_follow_up_may_be_urlencoded() {
    let server = TestServer::start([Reply::say("one"), Reply::say("two")]).await;
    let id = server.api.create(&message("hi")).await;
    server.api.finished(&id).await;
    let path = format!("/api/v1/tasks/{id}/messages");
    let request = server
        .api
        .request(reqwest::Method::POST, &path)
        .form(&[("message", "more")]);
    assert_eq!(send(request).await.data(), json!({"status": "running"}));
    assert_eq!(server.api.finished(&id).await["output"]["content"], "two");
}

#[tokio::test]
async fn contract_176_an_expired_session_is_rebuilt() {
    let clock = Arc::new(FakeClock::default());
    let server = TestServer::builder()
        .clock(clock.clone())
        .session_idle_ms(60_000)
        .script([
            Reply::call(
                "write_file",
                json!({"file_path": "kept.txt", "content": "still here"}),
            ),
            Reply::say("one"),
            Reply::say("two"),
            Reply::call("read_file", json!({"file_path": "kept.txt"})),
            Reply::say("three"),
        ])
        .start()
        .await;
    let id = server.api.create(&message("hi")).await;
    let first = server.api.finished(&id).await["sessionId"].clone();
    server.api.follow_up(&id, &message("soon")).await.data();
    assert_eq!(server.api.finished(&id).await["sessionId"], first);
    clock.advance_ms(60_000);
    server.api.follow_up(&id, &message("later")).await.data();
    let task = server.api.finished(&id).await;
    assert_ne!(task["sessionId"], first);
    assert_eq!(task["output"]["toolCalls"][0]["output"], "still here");
}

#[tokio::test]
async fn a_follow_up_may_change_variables_and_prompt() {
    let shell = || Reply::call("run_shell_command", json!({"command": "echo $A-$S"}));
    let server = TestServer::start([shell(), Reply::say("one"), shell(), Reply::say("two")]).await;
    let first = json!({"message": "hi", "env": {"A": "1"}, "secrets": {"S": "first-secret"}});
    let id = server.api.create(&first).await;
    server.api.finished(&id).await;
    let second = json!({"message": "again", "env": {"A": "2"}, "secrets": {"S": "short"}, "systemPrompt": "Be brief."});
    server.api.follow_up(&id, &second).await.data();
    let task = server.api.finished(&id).await;
    assert_eq!(task["env"], json!({"A": "2"}));
    assert_eq!(
        task["output"]["toolCalls"][0]["output"]
            .as_str()
            .unwrap()
            .trim(),
        "2-short"
    );
    assert!(
        server.model().requests()[2]
            .system()
            .starts_with("Be brief.")
    );
}

#[tokio::test]
async fn a_follow_up_that_comes_while_the_run_before_is_put_away_can_be_cancelled() {
    let gate = Gate::new();
    let held = gate.clone();
    let script = Script::respond(move |request| {
        let last = request.messages().pop().unwrap_or_default();
        match (last["role"].as_str(), last["content"].as_str()) {
            (Some("tool"), _) => Reply::say("done"),
            (_, Some("wait")) => Reply::new().hang(&held),
            _ => Reply::call("run_shell_command", json!({"command": "true"})),
        }
    });
    // Long enough that only the worker itself can end the run in the time of this test.
    let server = TestServer::builder()
        .script(script)
        .cancel_wait_ms(3_600_000)
        .start()
        .await;
    for round in 1..=20 {
        let id = server.api.create(&message("run")).await;
        server.api.finished(&id).await;
        server.api.follow_up(&id, &message("wait")).await.data();
        gate.reached_by(round).await;
        let path = format!("/api/v1/tasks/{id}");
        let cancelled = server.api.delete(&path);
        let cancelled = tokio::time::timeout(Duration::from_secs(20), cancelled).await;
        cancelled.expect("the worker hears of the cancel").data();
    }
}

#[tokio::test]
async fn of_follow_ups_at_once_the_one_that_runs_has_its_own_secrets() {
    let shell = |request: &testkit::RecordedRequest| match request.messages().pop() {
        Some(last) if last["role"] == "tool" => Reply::say("done"),
        _ => Reply::call(
            "run_shell_command",
            json!({"command": "echo $S-$A; env | grep -c '^S='"}),
        ),
    };
    let server = TestServer::start(Script::respond(shell)).await;
    let first = json!({"message": "hi", "env": {"A": "a"}, "secrets": {"S": "s0"}});
    let id = server.api.create(&first).await;
    server.api.finished(&id).await;
    for _ in 0..5 {
        // Values this short are not masked, so that they can be seen.
        let bodies: Vec<_> = (1..=8)
            .map(|at| json!({"message": format!("m{at}"), "env": {"A": format!("a{at}")}, "secrets": {"S": format!("s{at}")}}))
            .collect();
        let tries = bodies.iter().map(|body| server.api.follow_up(&id, body));
        let answers = futures_util::future::join_all(tries).await;
        let won: Vec<_> = (1..=8).filter(|at| answers[at - 1].status == 200).collect();
        let task = server.api.finished(&id).await;
        let history = server.api.get(&format!("/api/v1/tasks/{id}/history")).await;
        let history = history.data();
        let said = history["messages"].as_array().unwrap();
        let last = said
            .iter()
            .rfind(|message| message["role"] == "user")
            .unwrap();
        let winner = last["content"].as_str().unwrap().trim_start_matches('m');
        assert!(
            won.iter().any(|at| at.to_string() == winner),
            "{won:?} {winner}"
        );
        let output = task["output"]["toolCalls"][0]["output"].as_str().unwrap();
        assert_eq!(
            output.lines().next(),
            Some(format!("s{winner}-a{winner}").as_str())
        );
    }
    // One without secrets keeps those of the last.
    server.api.follow_up(&id, &message("again")).await.data();
    let task = server.api.finished(&id).await;
    let output = task["output"]["toolCalls"][0]["output"].as_str().unwrap();
    assert!(
        output.starts_with('s') && !output.starts_with("s0"),
        "{output}"
    );
    let none = json!({"message": "none", "secrets": {}});
    server.api.follow_up(&id, &none).await.data();
    let task = server.api.finished(&id).await;
    let output = task["output"]["toolCalls"][0]["output"].as_str().unwrap();
    assert!(output.starts_with('-'), "{output}");
}
