//! `GET /api/v1/tasks/{id}/stream`.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Api, Event, Events, Gate, Reply, TestServer, names_of, send, text_of};

use crate::support::{call_ids, call_of, message};

/// A reply that says `first`, waits for the gate, then says `rest`.
fn held(first: &str, gate: &Gate, rest: &str) -> Reply {
    Reply::new().text(first).hang(gate).text(rest)
}

#[tokio::test]
async fn contract_112_a_stream_is_chunked_uncompressed_and_uncached() {
    let server = TestServer::start([Reply::say("hi")]).await;
    let id = server.api.create(&message("hi")).await;
    let path = format!("/api/v1/tasks/{id}/stream");
    let request = server.api.request(reqwest::Method::GET, &path);
    let answer = send(request.header("accept-encoding", "gzip, br")).await;
    let header = |name: &str| {
        answer
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(answer.status, 200);
    assert_eq!(
        header("content-type").unwrap(),
        "text/event-stream; charset=utf-8"
    );
    assert_eq!(header("cache-control").unwrap(), "no-cache, no-transform");
    assert_eq!(header("x-accel-buffering").unwrap(), "no");
    assert_eq!(header("transfer-encoding").unwrap(), "chunked");
    assert_eq!(header("content-encoding"), None);
    assert_eq!(header("content-length"), None);
}

#[tokio::test]
async fn contract_113_each_event_is_sent_when_it_is_made() {
    let gate = Gate::new();
    let server = TestServer::start([held("first", &gate, " second")]).await;
    let id = server.api.create(&message("hi")).await;
    let mut events = server.api.stream(&id).await;
    // The model hangs: nothing more will come, so what arrives was not held for it.
    let content = events.until("content").await;
    assert_eq!(content.data, json!({"text": "first", "isPartial": true}));
    gate.open();
    assert_eq!(text_of(&events.rest().await), " second");
}

#[tokio::test]
async fn contract_116_117_118_the_phases_of_a_running_task() {
    let gate = Gate::new();
    let server = TestServer::start([held("a", &gate, "b")]).await;
    let id = server.api.create(&message("the question")).await;
    let mut events = server.api.stream(&id).await;
    let first = events.next().await.unwrap();
    assert_eq!(first.name, "history_message");
    assert_eq!(
        (&first.data["role"], &first.data["content"]),
        (&json!("user"), &json!("the question"))
    );
    assert_eq!(first.id, None);
    let done = events.next().await.unwrap();
    assert_eq!(done.name, "history_done");
    assert_eq!(done.data, json!({"messageCount": 1, "isStreaming": true}));
    gate.open();
    events.rest().await;
}

#[tokio::test]
async fn contract_119_124_live_events_then_done_then_the_end() {
    let server = TestServer::start([Reply::new().texts(["one ", "two ", "three"])]).await;
    let id = server.api.create(&message("hi")).await;
    let events = server.api.events(&id).await;
    let last = events.last().unwrap();
    assert_eq!(last.name, "done");
    assert_eq!(last.data, json!({"finalResponse": "one two three"}));
    let contents: Vec<&Event> = events
        .iter()
        .filter(|event| event.name == "content")
        .collect();
    for content in &contents {
        assert!(content.data["text"].is_string() && content.data["isPartial"].is_boolean());
    }
    assert_eq!(contents.last().unwrap().data["isPartial"], false);
    assert_eq!(
        events.iter().filter(|event| event.name == "done").count(),
        1
    );
}

#[tokio::test]
async fn contract_114_115_122_the_bytes_are_what_documented_parsers_take() {
    let server = TestServer::start([
        Reply::new()
            .thought("**Look** around")
            .tool_call("list_directory", json!({})),
        Reply::say("a\r\nb data: c"),
    ])
    .await;
    let id = server.api.create(&message("hi")).await;
    let mut events = server.api.stream_from(&id, Some("0")).await;
    let parsed = events.rest().await;
    let raw = String::from_utf8(events.raw().to_vec()).unwrap();
    assert!(!raw.contains('\r') && !raw.starts_with('\u{feff}') && raw.ends_with("\n\n"));
    for block in raw.split_terminator("\n\n") {
        let lines: Vec<&str> = block.split('\n').collect();
        assert!(
            lines[0].starts_with("event: ") && lines[1].starts_with("data: {"),
            "{block}"
        );
        assert!(
            lines.len() == 2 || (lines.len() == 3 && lines[2].starts_with("id: ")),
            "{block}"
        );
    }
    assert_eq!(text_of(&parsed), "a\r\nb data: c");
}

#[tokio::test]
async fn contract_120_a_finished_task_streams_its_history_and_ends() {
    let server = TestServer::start([Reply::say("answer")]).await;
    let id = server.api.create(&message("question")).await;
    server.api.finished(&id).await;
    let events = server.api.replay(&id).await;
    assert_eq!(
        names_of(&events),
        ["history_message", "history_message", "history_done"]
    );
    assert_eq!(events[1].data["content"], "answer");
    assert_eq!(
        events[2].data,
        json!({"messageCount": 2, "isStreaming": false})
    );
}

#[tokio::test]
async fn contract_121_failed_and_cancelled_tasks_do_so_too() {
    let gate = Gate::new();
    let server = TestServer::start(vec![
        Reply::error(400, "invalid_request", "no"),
        Reply::new().hang(&gate),
    ])
    .await;
    let failed = server.api.create(&message("one")).await;
    server.api.finished(&failed).await;
    let cancelled = server.api.create(&message("two")).await;
    server.model().wait_for_requests(2).await;
    server
        .api
        .delete(&format!("/api/v1/tasks/{cancelled}"))
        .await
        .data();
    for id in [failed, cancelled] {
        let events = server.api.replay(&id).await;
        assert_eq!(names_of(&events), ["history_message", "history_done"]);
        assert_eq!(
            events[1].data,
            json!({"messageCount": 1, "isStreaming": false})
        );
    }
}

#[tokio::test]
async fn contract_123_125_126_text_and_calls_add_up() {
    let server = TestServer::start([
        Reply::new()
            .text("First.")
            .tool_call("list_directory", json!({"dir_path": "."}))
            .tool_call("read_file", json!({"file_path": "missing"})),
        Reply::say("Second."),
    ])
    .await;
    let id = server.api.create(&message("hi")).await;
    let events = server.api.events(&id).await;
    let text = text_of(&events);
    assert_eq!(text, "First.\n\nSecond.");
    assert_eq!(events.last().unwrap().data["finalResponse"], text);
    let task = server.api.task(&id).await;
    assert_eq!(task["output"]["content"], text);
    let history = server
        .api
        .get(&format!("/api/v1/tasks/{id}/history"))
        .await
        .data();
    assert_eq!(history["messages"][1]["content"], text);
    let calls = call_ids(&events);
    assert_eq!(calls.len(), 2);
    for call in calls {
        let about: Vec<&Event> = events
            .iter()
            .filter(|event| event.data["callId"] == json!(call))
            .collect();
        let names: Vec<&str> = about.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["tool_call", "tool_result"]);
        assert!(about[0].data["args"].is_object() && about[0].data["toolName"].is_string());
        assert!(about[1].data["output"].is_string());
    }
}

#[tokio::test]
async fn contract_134_135_heartbeats_are_blocks_of_their_own() {
    let gate = Gate::new();
    let pieces: Vec<String> = (0..200).map(|n| format!("{n} ")).collect();
    let reply = Reply::new()
        .hang(&gate)
        .texts(pieces.iter().map(String::as_str));
    let server = TestServer::builder()
        .script(reply)
        .heartbeat(Duration::from_millis(2))
        .start()
        .await;
    let id = server.api.create(&message("hi")).await;
    let mut events = server.api.stream(&id).await;
    for _ in 0..5 {
        assert_eq!(events.until(":heartbeat").await.data, Value::Null);
    }
    gate.open();
    let rest = events.rest().await;
    assert_eq!(text_of(&rest), pieces.concat());
    assert_eq!(rest.last().unwrap().name, "done");
}

#[tokio::test]
async fn contract_136_a_task_goes_on_without_readers() {
    let gate = Gate::new();
    let server = TestServer::start([held("a", &gate, "b")]).await;
    let id = server.api.create(&message("hi")).await;
    let mut events = server.api.stream(&id).await;
    events.until("content").await;
    drop(events);
    gate.open();
    assert_eq!(server.api.finished(&id).await["output"]["content"], "ab");
}

#[tokio::test]
async fn contract_137_a_reader_that_comes_back_gets_history_catch_up_and_the_rest() {
    let gate = Gate::new();
    let server = TestServer::start([
        Reply::new()
            .text("Looking.")
            .tool_call("list_directory", json!({})),
        held("Found", &gate, " nothing."),
    ])
    .await;
    let id = server.api.create(&message("hi")).await;
    let mut first = server.api.stream(&id).await;
    first.until("tool_result").await;
    first.until("content").await;
    drop(first);
    let mut second = server.api.stream(&id).await;
    let mut caught_up = Vec::new();
    while text_of(&caught_up) != "Looking.\n\nFound" {
        caught_up.push(second.next().await.unwrap());
    }
    let expected = [
        "history_message",
        "history_done",
        "status",
        "content",
        "tool_call",
        "tool_result",
        "content",
    ];
    assert_eq!(names_of(&caught_up), expected);
    gate.open();
    caught_up.extend(second.rest().await);
    assert_eq!(text_of(&caught_up), "Looking.\n\nFound nothing.");
}

#[tokio::test]
async fn contract_139_two_readers_get_the_same() {
    let gate = Gate::new();
    let server = TestServer::start([held("a", &gate, "b")]).await;
    let id = server.api.create(&message("hi")).await;
    let mut one = server.api.stream(&id).await;
    let mut two = server.api.stream(&id).await;
    one.until("content").await;
    two.until("content").await;
    gate.open();
    assert_eq!(one.rest().await, two.rest().await);
}

#[tokio::test]
async fn contract_140_a_reader_that_stops_reading_slows_nobody() {
    let pieces: Vec<String> = (0..3_000).map(|n| format!("{n:0>200} ")).collect();
    let reply = Reply::new().texts(pieces.iter().map(String::as_str));
    let server = TestServer::start([reply]).await;
    let id = server.api.create(&message("hi")).await;
    let mut stuck = server.api.stream_from(&id, Some("0")).await;
    stuck.next().await.unwrap();
    // The first reader takes nothing more; the second sees it all.
    let events = server.api.events(&id).await;
    assert_eq!(text_of(&events).len(), pieces.concat().len());
    // It catches up from where it stopped.
    let rest = stuck.rest().await;
    assert_eq!(text_of(&rest).len(), pieces.concat().len());
    assert_eq!(rest.last().unwrap().name, "done");
}

#[tokio::test]
async fn contract_142_a_cancel_ends_the_stream_with_its_code() {
    let gate = Gate::new();
    let server = TestServer::start([held("part", &gate, "never")]).await;
    let id = server.api.create(&message("hi")).await;
    let mut events = server.api.stream(&id).await;
    events.until("content").await;
    server
        .api
        .delete(&format!("/api/v1/tasks/{id}"))
        .await
        .data();
    let rest = events.rest().await;
    assert_eq!(rest.last().unwrap().name, "error");
    assert_eq!(rest.last().unwrap().data["code"], "TASK_CANCELLED");
    // What was shown stays.
    assert_eq!(server.api.task(&id).await["output"]["content"], "part");
}

#[tokio::test]
async fn contract_143_done_means_that_get_knows() {
    let server = TestServer::start(vec![Reply::say("answer"); 20]).await;
    for _ in 0..20 {
        let id = server.api.create(&message("hi")).await;
        let mut events = server.api.stream_from(&id, Some("0")).await;
        events.until("done").await;
        assert_eq!(server.api.task(&id).await["status"], "completed");
        let history = server
            .api
            .get(&format!("/api/v1/tasks/{id}/history"))
            .await
            .data();
        assert_eq!(history["messages"][1]["content"], "answer");
    }
}

#[tokio::test]
async fn contract_146_147_errors_before_the_stream_are_envelopes() {
    let server = TestServer::start([Reply::say("x")]).await;
    let unknown = "/api/v1/tasks/00000000-0000-4000-8000-000000000000/stream";
    let answer = server.api.get(unknown).await;
    assert_eq!(answer.error(), (404, "NOT_FOUND".to_owned()));
    assert_eq!(
        answer.headers["content-type"],
        "application/json; charset=utf-8"
    );
    let bare = send(server.api.bare(reqwest::Method::GET, unknown)).await;
    assert_eq!(bare.error(), (401, "AUTH_REQUIRED".to_owned()));
}

#[tokio::test]
async fn contract_148_149_150_a_waiting_call_keeps_the_stream_open() {
    let server = TestServer::builder()
        .script([
            Reply::call("list_directory", json!({"dir_path": "."})),
            Reply::say("ok"),
        ])
        .heartbeat(Duration::from_millis(5))
        .start()
        .await;
    let id = server
        .api
        .create(&json!({"message": "hi", "autoExecute": false}))
        .await;
    let mut live = server.api.stream(&id).await;
    let waiting = live.until("tool_call").await;
    assert_eq!(waiting.data["status"], "awaiting_approval");
    assert_eq!(waiting.data["type"], "tool_call");
    assert_eq!(waiting.data["data"]["callId"], waiting.data["callId"]);
    for _ in 0..3 {
        assert_eq!(live.next().await.unwrap().name, ":heartbeat");
    }
    let mut late = server.api.stream(&id).await;
    assert_eq!(late.until("tool_call").await.data, waiting.data);
    let call = call_of(&waiting);
    server
        .api
        .approve(&id, &call, &json!({"outcome": "cancel"}))
        .await
        .data();
    assert_eq!(live.rest().await.last().unwrap().name, "done");
}

#[tokio::test]
async fn contract_145_a_follow_up_is_streaming_at_once() {
    // The model answers only after the stream was seen to be open.
    let gates: Vec<Gate> = (0..20).map(|_| Gate::new()).collect();
    let held = gates
        .iter()
        .map(|gate| Reply::new().hang(gate).text("answer"));
    let script: Vec<Reply> = [Reply::say("first")].into_iter().chain(held).collect();
    let server = TestServer::start(script).await;
    let id = server.api.create(&message("hi")).await;
    server.api.finished(&id).await;
    for gate in &gates {
        server.api.follow_up(&id, &message("more")).await.data();
        let mut events = server.api.stream(&id).await;
        assert_eq!(events.until("history_done").await.data["isStreaming"], true);
        gate.open();
        assert_eq!(events.rest().await.last().unwrap().name, "done");
    }
}

#[tokio::test]
async fn contract_144_the_history_of_a_follow_up() {
    let gate = Gate::new();
    let second = Reply::new().hang(&gate).text("forty");
    let server = TestServer::start([Reply::say("four"), second]).await;
    let id = server.api.create(&message("2+2")).await;
    server.api.finished(&id).await;
    server
        .api
        .follow_up(&id, &message("times ten"))
        .await
        .data();
    let mut stream = server.api.stream(&id).await;
    gate.open();
    let events = stream.rest().await;
    let history: Vec<(&str, &str)> = events
        .iter()
        .filter(|event| event.name == "history_message")
        .map(|event| {
            (
                event.data["role"].as_str().unwrap(),
                event.data["content"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        history,
        [
            ("user", "2+2"),
            ("assistant", "four"),
            ("user", "times ten")
        ]
    );
    assert_eq!(events.last().unwrap().data["finalResponse"], "forty");
}

#[tokio::test]
async fn contract_154_idle_streams_cost_little_memory() {
    let gate = Gate::new();
    let server = TestServer::start([Reply::new().hang(&gate)]).await;
    let id = server.api.create(&message("hi")).await;
    let mut streams: Vec<Events> = Vec::new();
    for _ in 0..20 {
        streams.push(opened(&server.api, &id).await);
    }
    let before = resident_bytes();
    for _ in 0..200 {
        streams.push(opened(&server.api, &id).await);
    }
    // Client and server are one process here: this counts both ends.
    let each = resident_bytes().saturating_sub(before) / 200;
    assert!(each < 128 * 1024, "{each} bytes a stream");
    gate.open();
}

async fn opened(api: &Api, id: &str) -> Events {
    let mut events = api.stream(id).await;
    events.until("history_done").await;
    events
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
