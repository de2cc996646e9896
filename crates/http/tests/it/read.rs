//! `GET /api/v1/tasks`, `GET /api/v1/tasks/{id}` and its history.

use std::sync::Arc;

use serde_json::{Value, json};
use testkit::{FakeClock, Gate, Reply, TestServer};

use crate::support::message;

const UNKNOWN: &str = "/api/v1/tasks/00000000-0000-4000-8000-000000000000";

fn is_timestamp(value: &Value) -> bool {
    let Some(text) = value.as_str() else {
        return false;
    };
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    shape == "0000-00-00T00:00:00.000Z"
}

#[tokio::test]
async fn contract_012_090_093_097_a_finished_task_has_every_field() {
    let server = TestServer::start([
        Reply::new()
            .thought("**A** b")
            .tool_call("list_directory", json!({"dir_path": "."})),
        Reply::say("done"),
    ])
    .await;
    let id = server.api.create(&message("hi")).await;
    let task = server.api.finished(&id).await;
    let fields: Vec<&str> = task
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "id",
        "apiKeyId",
        "username",
        "sessionId",
        "conversationId",
        "status",
        "message",
        "systemPrompt",
        "showInHistory",
        "autoExecute",
        "env",
        "error",
        "createdAt",
        "startedAt",
        "completedAt",
        "output",
    ];
    assert_eq!(fields, expected);
    assert_eq!(task["apiKeyId"], server.key.record.id.to_string());
    assert_eq!(task["username"], "ana");
    assert_eq!(task["error"], Value::Null);
    for field in ["createdAt", "startedAt", "completedAt"] {
        assert!(is_timestamp(&task[field]), "{field}");
    }
    assert!(task["completedAt"].as_str() >= task["startedAt"].as_str());
    assert!(task["startedAt"].as_str() >= task["createdAt"].as_str());
    let output = &task["output"];
    assert!(is_timestamp(&output["updatedAt"]));
    assert_eq!(
        output["thoughts"],
        json!([{"subject": "A", "description": "b"}])
    );
    let call = &output["toolCalls"][0];
    assert_eq!(
        (&call["toolName"], &call["status"]),
        (&json!("list_directory"), &json!("success"))
    );
    assert_eq!(call["args"], json!({"dir_path": "."}));
    assert!(call["callId"].is_string() && call["output"].is_string());
}

#[tokio::test]
async fn contract_091_092_before_and_while_it_runs() {
    let gate = Gate::new();
    let server = TestServer::builder()
        .script([Reply::new().text("growing").hang(&gate).text(" text")])
        .concurrent_runs(1)
        .start()
        .await;
    let first = server.api.create(&message("one")).await;
    server.api.stream(&first).await.until("content").await;
    let running = server.api.task(&first).await;
    assert_eq!(
        (&running["status"], &running["completedAt"]),
        (&json!("running"), &Value::Null)
    );
    assert!(is_timestamp(&running["startedAt"]));
    assert_eq!(running["output"]["content"], "growing");
    let second = server.api.create(&message("two")).await;
    let pending = server.api.task(&second).await;
    assert_eq!(pending["status"], "pending");
    for field in ["startedAt", "completedAt", "sessionId", "conversationId"] {
        assert_eq!(pending[field], Value::Null, "{field}");
    }
    assert_eq!(pending.get("output"), None);
    server
        .api
        .delete(&format!("/api/v1/tasks/{second}"))
        .await
        .data();
    gate.open();
    assert_eq!(
        server.api.finished(&first).await["output"]["content"],
        "growing text"
    );
}

#[tokio::test]
async fn contract_098_unknown_tasks_are_not_found() {
    let server = TestServer::start([Reply::say("x")]).await;
    for path in [
        UNKNOWN,
        "/api/v1/tasks/not-a-uuid",
        "/api/v1/tasks/%00",
        "/api/v1/tasks/a%2fb",
    ] {
        assert_eq!(
            server.api.get(path).await.error(),
            (404, "NOT_FOUND".to_owned()),
            "{path}"
        );
    }
    let history = server.api.get(&format!("{UNKNOWN}/history")).await;
    assert_eq!(history.error(), (404, "NOT_FOUND".to_owned()));
}

async fn many(count: usize) -> (TestServer, Arc<FakeClock>, Vec<String>) {
    let clock = Arc::new(FakeClock::default());
    let server = TestServer::builder()
        .clock(clock.clone())
        .script(vec![Reply::say("ok"); count + 2])
        .start()
        .await;
    let mut ids = Vec::new();
    for at in 0..count {
        let id = server.api.create(&message(&format!("task {at}"))).await;
        server.api.finished(&id).await;
        clock.advance_ms(10);
        ids.push(id);
    }
    (server, clock, ids)
}

async fn page(server: &TestServer, query: &str) -> Value {
    let answer = server.api.get(&format!("/api/v1/tasks{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn ids_of(page: &Value) -> Vec<&str> {
    page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn contract_099_100_101_104_105_pages_of_the_list() {
    let (server, _, ids) = many(5).await;
    let all = page(&server, "").await;
    assert_eq!(
        all["pagination"],
        json!({"total": 5, "limit": 50, "offset": 0, "hasMore": false})
    );
    let newest_first: Vec<&str> = ids.iter().rev().map(String::as_str).collect();
    assert_eq!(ids_of(&all), newest_first);
    let middle = page(&server, "?limit=2&offset=2").await;
    assert_eq!(ids_of(&middle), newest_first[2..4]);
    assert_eq!(middle["pagination"]["hasMore"], true);
    let last = page(&server, "?limit=2&offset=4").await;
    assert_eq!(ids_of(&last), newest_first[4..]);
    assert_eq!(last["pagination"]["hasMore"], false);
    let beyond = page(&server, "?offset=9").await;
    assert_eq!(
        (&beyond["data"], &beyond["pagination"]["total"]),
        (&json!([]), &json!(5))
    );
}

#[tokio::test]
async fn contract_102_103_limits_of_pages() {
    let server = TestServer::start([Reply::say("x")]).await;
    assert_eq!(
        page(&server, "?limit=1000").await["pagination"]["limit"],
        100
    );
    for query in [
        "?limit=0",
        "?limit=-1",
        "?limit=abc",
        "?offset=-1",
        "?offset=x",
        "?limit=1.5",
        "?status=odd",
        "?scope=all",
        "?createdAfter=soon",
    ] {
        let answer = server.api.get(&format!("/api/v1/tasks{query}")).await;
        assert_eq!(
            answer.error(),
            (400, "VALIDATION_ERROR".to_owned()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn contract_106_107_108_110_activity_and_counts() {
    let (server, clock, ids) = many(2).await;
    let list = page(&server, "").await;
    for item in list["data"].as_array().unwrap() {
        assert_eq!(item["lastActivityAt"], item["completedAt"]);
        assert_eq!(item["messageCount"], 2);
        assert!(item.get("output").is_none() && item.get("pendingApprovals").is_none());
    }
    clock.advance_ms(10);
    server.api.follow_up(&ids[0], &message("more")).await.data();
    server.api.finished(&ids[0]).await;
    let list = page(&server, "").await;
    assert_eq!(ids_of(&list), [ids[0].as_str(), ids[1].as_str()]);
    assert_eq!(list["data"][0]["messageCount"], 4);
}

#[tokio::test]
async fn contract_108_a_task_that_never_started_has_no_messages() {
    let gate = Gate::new();
    let server = TestServer::builder()
        .script([Reply::new().hang(&gate)])
        .concurrent_runs(1)
        .start()
        .await;
    server.api.create(&message("one")).await;
    server.model().wait_for_requests(1).await;
    server.api.create(&message("two")).await;
    let list = page(&server, "?status=pending").await;
    assert_eq!(list["data"][0]["messageCount"], 0);
    assert_eq!(list["pagination"]["total"], 1);
    gate.open();
}

#[tokio::test]
async fn contract_109_a_list_shows_the_keys_own_tasks() {
    let server = TestServer::start(vec![Reply::say("ok"); 3]).await;
    let (_, other) = server.another_key("other").await;
    let (_, foreign) = server.another_project("elsewhere").await;
    let mine = server.api.create(&message("mine")).await;
    let theirs = other.create(&message("theirs")).await;
    foreign.create(&message("foreign")).await;
    assert_eq!(ids_of(&page(&server, "").await), [mine.as_str()]);
    let project = page(&server, "?scope=project").await;
    let mut seen = ids_of(&project);
    seen.sort_unstable();
    let mut expected = [mine.as_str(), theirs.as_str()];
    expected.sort_unstable();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn contract_192_194_195_the_history_of_a_conversation() {
    let server = TestServer::start([
        Reply::new()
            .thought("**A** b")
            .text("One.")
            .tool_call("list_directory", json!({})),
        Reply::say("Two."),
        Reply::say("Three."),
    ])
    .await;
    let id = server.api.create(&message("first")).await;
    server.api.finished(&id).await;
    server.api.follow_up(&id, &message("second")).await.data();
    server.api.finished(&id).await;
    let path = format!("/api/v1/tasks/{id}/history");
    let history = server.api.get(&path).await.data();
    assert_eq!(history["taskId"], id);
    assert!(history["conversationId"].is_string());
    assert_eq!(history["status"], "completed");
    let messages = history["messages"].as_array().unwrap();
    let said: Vec<(&str, &str)> = messages
        .iter()
        .map(|message| {
            (
                message["role"].as_str().unwrap(),
                message["content"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("user", "first"),
            ("assistant", "One.\n\nTwo."),
            ("user", "second"),
            ("assistant", "Three.")
        ]
    );
    for field in ["thoughts", "toolCalls", "attachedFiles"] {
        assert!(
            messages[0].get(field).is_none() && messages[3].get(field).is_none(),
            "{field}"
        );
    }
    assert!(messages[1]["toolCalls"][0]["output"].is_string());
    assert_eq!(messages[1]["thoughts"][0]["subject"], "A");
    assert!(
        messages
            .iter()
            .all(|message| is_timestamp(&message["createdAt"]))
    );
}

#[tokio::test]
async fn contract_193_ids_are_unique_and_the_same_everywhere() {
    let server = TestServer::start([Reply::say("One."), Reply::say("Two.")]).await;
    let id = server.api.create(&message("first")).await;
    server.api.finished(&id).await;
    server.api.follow_up(&id, &message("second")).await.data();
    server.api.finished(&id).await;
    let path = format!("/api/v1/tasks/{id}/history");
    let history = server.api.get(&path).await.data();
    let messages = history["messages"].as_array().unwrap();
    // The same ids in every answer and in the stream.
    assert_eq!(server.api.get(&path).await.data(), history);
    let streamed = server.api.replay(&id).await;
    let replayed: Vec<&Value> = streamed
        .iter()
        .filter(|event| event.name == "history_message")
        .map(|event| &event.data)
        .collect();
    assert_eq!(replayed, messages.iter().collect::<Vec<_>>());
    let mut ids: Vec<&str> = messages
        .iter()
        .map(|message| message["id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn contract_197_198_histories_of_every_state() {
    let gate = Gate::new();
    let server = TestServer::start(vec![
        Reply::error(400, "bad", "no"),
        Reply::new().hang(&gate),
    ])
    .await;
    let failed = server.api.create(&message("one")).await;
    server.api.finished(&failed).await;
    let running = server.api.create(&message("two")).await;
    server.model().wait_for_requests(2).await;
    for (id, status) in [(&failed, "failed"), (&running, "running")] {
        let history = server
            .api
            .get(&format!("/api/v1/tasks/{id}/history"))
            .await
            .data();
        assert_eq!(history["status"], status);
        assert_eq!(history["messages"].as_array().unwrap().len(), 1);
    }
    server
        .api
        .delete(&format!("/api/v1/tasks/{running}"))
        .await
        .data();
    let history = server
        .api
        .get(&format!("/api/v1/tasks/{running}/history"))
        .await
        .data();
    assert_eq!(history["status"], "cancelled");
    let unknown = server
        .api
        .get("/api/v1/tasks/00000000-0000-4000-8000-000000000000/history")
        .await;
    assert_eq!(unknown.error(), (404, "NOT_FOUND".to_owned()));
}
