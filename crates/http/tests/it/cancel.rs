//! `DELETE /api/v1/tasks/{id}`.

use std::time::Duration;

use futures_util::FutureExt as _;
use model::{Action, ApiKeyPrincipal, Grant, Permit, Principal, authorize};
use serde_json::json;
use testkit::{Gate, Reply, TestServer, send};

use crate::support::{eventually, message, processes_at};

async fn cancel(server: &TestServer, id: &str) -> testkit::Answer {
    server.api.delete(&format!("/api/v1/tasks/{id}")).await
}

#[tokio::test]
async fn contract_183_187_190_a_running_task_is_cancelled() {
    let gate = Gate::new();
    let server = TestServer::start([Reply::new().text("part").hang(&gate)]).await;
    let id = server.api.create(&message("hi")).await;
    server.api.stream(&id).await.until("content").await;
    for _ in 0..2 {
        assert_eq!(
            cancel(&server, &id).await.data(),
            json!({"message": "Task cancelled"})
        );
        let task = server.api.task(&id).await;
        assert_eq!(task["status"], "cancelled");
        assert!(task["completedAt"].is_string());
    }
    let history = server
        .api
        .get(&format!("/api/v1/tasks/{id}/history"))
        .await
        .data();
    assert_eq!(history["messages"].as_array().unwrap().len(), 2);
    assert_eq!(history["messages"][1]["content"], "part");
}

#[tokio::test]
async fn contract_184_a_pending_task_never_starts() {
    let gate = Gate::new();
    let server = TestServer::builder()
        .script([Reply::new().hang(&gate).text("one")])
        .concurrent_runs(1)
        .start()
        .await;
    let first = server.api.create(&message("one")).await;
    server.model().wait_for_requests(1).await;
    let second = server.api.create(&message("two")).await;
    assert_eq!(server.api.task(&second).await["status"], "pending");
    cancel(&server, &second).await.data();
    let task = server.api.task(&second).await;
    assert_eq!(
        (&task["status"], &task["startedAt"]),
        (&json!("cancelled"), &json!(null))
    );
    gate.open();
    server.api.finished(&first).await;
    assert_eq!(server.model().requests().len(), 1);
}

#[tokio::test]
async fn contract_185_a_waiting_task_is_cancelled() {
    let server = TestServer::start([Reply::call("list_directory", json!({}))]).await;
    let id = server
        .api
        .create(&json!({"message": "hi", "autoExecute": false}))
        .await;
    let mut events = server.api.stream(&id).await;
    events.until("tool_call").await;
    cancel(&server, &id).await.data();
    let rest = events.rest().await;
    let names: Vec<&str> = rest.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["tool_result", "error"]);
    assert_eq!(rest[0].data["status"], "cancelled");
}

#[tokio::test]
async fn contract_186_no_process_of_a_cancelled_task_is_left() {
    let server = TestServer::start([Reply::call(
        "run_shell_command",
        json!({"command": "trap '' TERM; (setsid sleep 1000 &) ; nohup sleep 1000 & echo started > up; sleep 1000"}),
    )])
    .await;
    let id = server.api.create(&message("hi")).await;
    server.api.stream(&id).await.until("tool_call").await;
    let up = server
        .directory
        .path()
        .join("workspaces")
        .join(&id)
        .join("up");
    eventually("the command runs", || up.exists()).await;
    let workspace = server.directory.path().join("workspaces").join(&id);
    assert!(processes_at(&workspace) > 0);
    cancel(&server, &id).await.data();
    assert_eq!(processes_at(&workspace), 0);
}

#[tokio::test]
async fn contract_188_a_completed_task_stays_as_it_is() {
    let server = TestServer::start([Reply::say("done")]).await;
    let id = server.api.create(&message("hi")).await;
    let before = server.api.finished(&id).await;
    assert_eq!(
        cancel(&server, &id).await.error(),
        (409, "TASK_NOT_CANCELLABLE".to_owned())
    );
    assert_eq!(server.api.task(&id).await, before);
}

#[tokio::test]
async fn contract_189_unknown_tasks_and_callers() {
    let server = TestServer::start([Reply::say("x")]).await;
    let id = "00000000-0000-4000-8000-000000000000";
    assert_eq!(
        cancel(&server, id).await.error(),
        (404, "NOT_FOUND".to_owned())
    );
    let bare = send(
        server
            .api
            .bare(reqwest::Method::DELETE, &format!("/api/v1/tasks/{id}")),
    )
    .await;
    assert_eq!(bare.error(), (401, "AUTH_REQUIRED".to_owned()));
}

#[tokio::test]
async fn contract_191_a_cancel_that_races_completion_agrees_with_the_state() {
    let server = TestServer::start(vec![Reply::say("done"); 100]).await;
    for _ in 0..100 {
        let id = server.api.create(&message("hi")).await;
        let answer = cancel(&server, &id).await;
        let status = server.api.finished(&id).await["status"].clone();
        match answer.status {
            200 => assert_eq!(status, "cancelled"),
            409 => assert_eq!(status, "completed"),
            other => panic!("{other}: {}", answer.text),
        }
    }
}

/// What the router would give the caller of the server's own key.
fn permit_of(server: &TestServer) -> Permit {
    let key = &server.key.record;
    let principal = Principal::ApiKey(ApiKeyPrincipal {
        key_id: key.id,
        lineage: key.lineage,
        organization_id: key.organization_id,
        project_id: key.project_id,
        class: key.class,
        scopes: key.scopes.clone(),
        username: "ana".to_owned(),
    });
    match authorize(&principal, Action::WriteTasks).unwrap() {
        Grant::Here(permit) => permit,
        Grant::InProjects(_) => panic!("a key is for one project"),
    }
}

#[tokio::test]
async fn a_task_whose_caller_goes_away_is_started_all_the_same() {
    let server = TestServer::start([Reply::say("done")]).await;
    let new = tasks::NewTask {
        message: tasks::MessageText::new("hi").unwrap(),
        system_prompt: None,
        show_in_history: true,
        auto_execute: true,
        env: None,
        secrets: tasks::Secrets::default(),
        model: None,
        max_turns: None,
        timeout_ms: None,
        metadata: None,
    };
    let permit = permit_of(&server);
    let dropped = server
        .tasks
        .create(&permit, new, server.tasks.upload(), None);
    assert!(dropped.now_or_never().is_none());
    // Well before a lease that nobody keeps would run out.
    let asked = server.model().wait_for_requests(1);
    let asked = tokio::time::timeout(Duration::from_secs(20), asked).await;
    assert_eq!(asked.unwrap()[0].first_user_text(), "hi");
}

#[tokio::test]
async fn a_cancel_whose_caller_goes_away_is_carried_through() {
    let server = TestServer::start([Reply::call("list_directory", json!({}))]).await;
    let id = server
        .api
        .create(&json!({"message": "hi", "autoExecute": false}))
        .await;
    let mut events = server.api.stream(&id).await;
    events.until("tool_call").await;
    let permit = permit_of(&server);
    let dropped = server.tasks.cancel(&permit, id.parse().unwrap());
    assert!(dropped.now_or_never().is_none());
    let rest = tokio::time::timeout(Duration::from_secs(20), events.rest()).await;
    assert_eq!(rest.unwrap().last().unwrap().name, "error");
    assert_eq!(server.api.task(&id).await["status"], "cancelled");
}
