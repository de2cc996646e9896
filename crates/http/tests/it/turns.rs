//! What a model may do in a turn, and what becomes of it in the stream.

use serde_json::json;
use testkit::{Event, Reply, TestServer, names_of, text_of};

use crate::support::message;

#[tokio::test]
async fn contract_127_a_failing_tool_is_a_result_and_the_task_goes_on() {
    let server = TestServer::start([
        Reply::call("read_file", json!({"file_path": "missing.txt"})),
        Reply::call("no_such_tool", json!({})),
        Reply::new().tool_call_raw("read_file", "not json"),
        Reply::say("went on"),
    ])
    .await;
    let id = server.api.create(&message("hi")).await;
    let events = server.api.events(&id).await;
    let results: Vec<&Event> = events
        .iter()
        .filter(|event| event.name == "tool_result")
        .collect();
    assert_eq!(results.len(), 3);
    for result in results {
        assert_eq!(result.data["status"], "error");
        assert!(!result.data["error"].as_str().unwrap().is_empty());
    }
    assert_eq!(server.api.task(&id).await["status"], "completed");
}

#[tokio::test]
async fn contract_128_thoughts_have_subject_and_description() {
    let server = TestServer::start([Reply::new().thought("**Plan** Look first.").text("ok")]).await;
    let id = server.api.create(&message("hi")).await;
    let events = server.api.events(&id).await;
    let thought = events.iter().find(|event| event.name == "thought").unwrap();
    assert_eq!(
        thought.data,
        json!({"subject": "Plan", "description": "Look first."})
    );
    assert_eq!(
        server.api.task(&id).await["output"]["thoughts"],
        json!([thought.data])
    );
}

#[tokio::test]
async fn contract_129_130_a_provider_that_fails_once_is_tried_again() {
    let server = TestServer::start([
        Reply::unavailable(),
        Reply::rate_limited(0),
        Reply::say("ok"),
    ])
    .await;
    let id = server.api.create(&message("hi")).await;
    let events = server.api.events(&id).await;
    let statuses: Vec<&str> = events
        .iter()
        .filter(|event| event.name == "status")
        .map(|event| event.data["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["processing", "retrying", "retrying"]);
    assert!(!names_of(&events).contains(&"error"));
    assert_eq!(server.api.task(&id).await["status"], "completed");
}

#[tokio::test]
async fn contract_094_141_a_failing_model_is_an_error_and_the_end() {
    let server = TestServer::start([Reply::quota_exhausted()]).await;
    let id = server.api.create(&message("hi")).await;
    let events = server.api.events(&id).await;
    let last = events.last().unwrap();
    assert_eq!(
        (last.name.as_str(), &last.data["code"]),
        ("error", &json!("MODEL_QUOTA"))
    );
    assert!(!last.data["message"].as_str().unwrap().is_empty());
    assert!(!names_of(&events).contains(&"done"));
    let task = server.api.task(&id).await;
    assert_eq!(task["status"], "failed");
    assert_eq!(task["error"], last.data["message"]);
}

#[tokio::test]
async fn contract_151_152_any_text_of_a_model_arrives_unharmed() {
    let nasty = "data: x\n\nevent: done\ndata: {}\n\n\"q\" 😀 \u{2028}\u{85}\0 end";
    let server = TestServer::start([Reply::say(nasty)]).await;
    let id = server.api.create(&message(nasty)).await;
    let events = server.api.events(&id).await;
    assert_eq!(text_of(&events), nasty);
    assert_eq!(events[0].data["content"], nasty);
    assert_eq!(server.api.task(&id).await["output"]["content"], nasty);
}

#[tokio::test]
async fn a_lone_surrogate_of_a_model_is_replaced() {
    let chunk = r#"{"choices":[{"index":0,"delta":{"content":"a\ud800b"}}]}"#;
    let server = TestServer::start([Reply::new().data(chunk)]).await;
    let id = server.api.create(&message("hi")).await;
    assert_eq!(text_of(&server.api.events(&id).await), "a\u{fffd}b");
}

#[tokio::test]
async fn a_cut_answer_goes_on_after_what_was_said() {
    let server = TestServer::start([
        Reply::new().text("The first half").cut(),
        Reply::say(" and the second."),
    ])
    .await;
    let id = server.api.create(&message("hi")).await;
    let events = server.api.events(&id).await;
    assert_eq!(text_of(&events), "The first half and the second.");
    let requests = server.model().requests();
    assert_eq!(requests[1].messages()[2]["content"], "The first half");
    assert!(requests[1].last_user_text().contains("cut off"));
}

#[tokio::test]
async fn an_empty_answer_is_asked_for_once_more() {
    let server =
        TestServer::start([Reply::new(), Reply::say("ok"), Reply::new(), Reply::new()]).await;
    let first = server.api.create(&message("one")).await;
    assert_eq!(server.api.finished(&first).await["status"], "completed");
    let second = server.api.create(&message("two")).await;
    let task = server.api.finished(&second).await;
    assert_eq!(task["status"], "failed");
    assert!(task["error"].as_str().unwrap().contains("empty"));
}

#[tokio::test]
async fn a_refusal_is_the_answer_or_the_error() {
    let server = TestServer::start([
        Reply::new().refusal("I will not."),
        Reply::new().content_filter(),
    ])
    .await;
    let first = server.api.create(&message("one")).await;
    assert_eq!(
        server.api.finished(&first).await["output"]["content"],
        "I will not."
    );
    let second = server.api.create(&message("two")).await;
    let events = server.api.events(&second).await;
    assert_eq!(events.last().unwrap().data["code"], "MODEL_REFUSED");
}
