//! Going on after the last event that was received.

use serde_json::json;
use testkit::{Event, Reply, TestServer, send, text_of};

use crate::support::message;

#[tokio::test]
async fn contract_138_resuming_by_cursor_loses_and_doubles_nothing() {
    let server = TestServer::start([
        Reply::new()
            .text("One.")
            .tool_call("list_directory", json!({})),
        Reply::new()
            .text("Two.")
            .tool_call("list_directory", json!({})),
        Reply::say("Three."),
    ])
    .await;
    let id = server.api.create(&message("hi")).await;
    let all = server.api.events(&id).await;
    let ids: Vec<String> = all.iter().filter_map(|event| event.id.clone()).collect();
    for cursor in &ids[..ids.len() - 1] {
        let rest = server.api.stream_from(&id, Some(cursor)).await.rest().await;
        let at = all
            .iter()
            .position(|event| event.id.as_ref() == Some(cursor))
            .unwrap();
        let merged = |events: &[Event]| {
            let kept = events.iter().filter(|event| event.name != "content");
            (
                kept.map(|event| event.data.clone()).collect::<Vec<_>>(),
                text_of(events),
            )
        };
        assert_eq!(merged(&rest), merged(&all[at + 1..]), "after {cursor}");
    }
}

#[tokio::test]
async fn cursors_at_the_end_beyond_it_and_of_no_form() {
    let server = TestServer::start([Reply::say("answer")]).await;
    let id = server.api.create(&message("hi")).await;
    let all = server.api.events(&id).await;
    let last = all.last().unwrap().id.clone().unwrap();
    let path = format!("/api/v1/tasks/{id}/stream");
    let open = |cursor: String| {
        send(
            server
                .api
                .request(reqwest::Method::GET, &path)
                .header("last-event-id", cursor),
        )
    };
    assert_eq!(open(last.clone()).await.status, 204);
    assert_eq!(
        open("nonsense".to_owned()).await.error(),
        (400, "VALIDATION_ERROR".to_owned())
    );
    for beyond in ["999999", "99999999999999999999"] {
        let beyond = open(beyond.to_owned()).await;
        assert!(beyond.text.contains("history_done"));
    }
    let by_query = server.api.get(&format!("{path}?lastEventId={last}")).await;
    assert_eq!(by_query.status, 204);
    let from_start = open("0".to_owned()).await;
    assert!(
        !from_start.text.contains("history_done") && from_start.text.contains("history_message")
    );
}
