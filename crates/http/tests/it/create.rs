//! `POST /api/v1/tasks`.

use serde_json::json;
use testkit::{Reply, TestServer, text_of};

#[tokio::test]
async fn contract_062_a_task_is_created_from_json_and_runs() {
    let server = TestServer::start([Reply::say("Hello there.")]).await;
    let answer = server
        .api
        .post("/api/v1/tasks", &json!({"message": "hi"}))
        .await;
    let data = answer.data();
    assert_eq!(data["status"], "pending");
    let id = data["id"].as_str().unwrap();
    let events = server.api.events(id).await;
    assert_eq!(text_of(&events), "Hello there.");
    let task = server.api.task(id).await;
    assert_eq!(task["status"], "completed");
    assert_eq!(task["output"]["content"], "Hello there.");
}
