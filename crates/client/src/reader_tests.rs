use proptest::prelude::*;
use serde_json::json;
use wire::ThoughtResponse;

use super::*;
use crate::CallStatus;

/// Every event, with the forms that only this server sends (ids, the doubled waiting call).
const STREAM: &str = concat!(
    "event: history_message\ndata: {\"id\":\"m1\",\"role\":\"user\",\"content\":\"2 + 2?\",",
    "\"createdAt\":\"2026-03-04T05:06:01.000Z\"}\n\n",
    "event: history_done\ndata: {\"messageCount\":1,\"isStreaming\":true}\nid: 1\n\n",
    ":heartbeat\n\n",
    "event: status\ndata: {\"status\":\"processing\",\"message\":\"The agent is working\"}\nid: 2\n\n",
    "event: thought\ndata: {\"subject\":\"Sum\",\"description\":\"Add.\"}\n\n",
    "event: content\ndata: {\"text\":\"I think \",\"isPartial\":true}\n\n",
    "event: content\ndata: {\"text\":\"data:\\u0020\u{1F600}\",\"isPartial\":false}\nid: 3\n\n",
    "event: surprise\ndata: [1]\nid: 4\n\n",
    "event: tool_call\ndata: {\"callId\":\"c1\",\"toolName\":\"list_directory\",",
    "\"status\":\"awaiting_approval\",\"args\":{\"dir_path\":\".\"},\"type\":\"tool_call\",",
    "\"data\":{\"callId\":\"c1\"}}\nid: 5\n\n",
    "event: tool_result\ndata: {\"callId\":\"c1\",\"status\":\"error\",\"output\":\"\",",
    "\"error\":\"no such directory\"}\nid: 6\n\n",
    "event: error\ndata: {\"message\":\"Task cancelled\",\"code\":\"TASK_CANCELLED\"}\nid: 7\n\n",
    "event: done\ndata: {\"finalResponse\":\"4\"}\nid: 8\n\n",
);

fn read(pieces: &[&[u8]]) -> Vec<(Option<i64>, ServerEvent)> {
    let mut reader = EventReader::new();
    let mut events = Vec::new();
    for piece in pieces {
        reader.push(piece);
        while let Some(received) = reader.next_event().unwrap() {
            events.push((received.id, received.event));
        }
    }
    events
}

#[test]
fn every_event_is_read() {
    let events = read(&[STREAM.as_bytes()]);
    assert_eq!(events.len(), 11);
    let (_, ServerEvent::HistoryMessage(message)) = &events[0] else {
        panic!("{:?}", events[0]);
    };
    assert_eq!(message.content, "2 + 2?");
    assert_eq!(events[1..], after_the_message());
}

#[expect(
    clippy::too_many_lines,
    reason = "one line an event, spread by the formatter"
)]
fn after_the_message() -> Vec<(Option<i64>, ServerEvent)> {
    let content = |text: &str, is_partial| ServerEvent::Content {
        text: text.to_owned(),
        is_partial,
    };
    vec![
        (
            Some(1),
            ServerEvent::HistoryDone {
                message_count: 1,
                is_streaming: true,
            },
        ),
        (
            Some(2),
            ServerEvent::Status {
                status: "processing".to_owned(),
                message: "The agent is working".to_owned(),
            },
        ),
        (
            None,
            ServerEvent::Thought(ThoughtResponse {
                subject: "Sum".to_owned(),
                description: "Add.".to_owned(),
            }),
        ),
        (None, content("I think ", true)),
        (Some(3), content("data: \u{1F600}", false)),
        (
            Some(4),
            ServerEvent::Unknown {
                name: "surprise".to_owned(),
            },
        ),
        (
            Some(5),
            ServerEvent::ToolCall {
                call_id: "c1".to_owned(),
                tool_name: "list_directory".to_owned(),
                status: CallStatus::AwaitingApproval,
                args: json!({"dir_path": "."}),
            },
        ),
        (
            Some(6),
            ServerEvent::ToolResult {
                call_id: "c1".to_owned(),
                tool_name: None,
                status: CallStatus::Error,
                output: String::new(),
                error: Some("no such directory".to_owned()),
            },
        ),
        (
            Some(7),
            ServerEvent::Error {
                message: "Task cancelled".to_owned(),
                code: "TASK_CANCELLED".to_owned(),
            },
        ),
        (
            Some(8),
            ServerEvent::Done {
                final_response: "4".to_owned(),
            },
        ),
    ]
}

#[test]
fn a_known_event_that_cannot_be_read_is_an_error() {
    for block in [
        "event: done\ndata: {}\n\n",
        "event: content\ndata: {\"text\":1}\n\n",
        "event: done\ndata: not json\n\n",
    ] {
        let mut reader = EventReader::new();
        reader.push(block.as_bytes());
        assert!(matches!(reader.next_event(), Err(Error::Protocol(_))));
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_events(cuts in prop::collection::vec(0..STREAM.len(), 0..40)) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&STREAM.as_bytes()[from..cut]);
            from = cut;
        }
        pieces.push(&STREAM.as_bytes()[from..]);
        prop_assert_eq!(read(&pieces), read(&[STREAM.as_bytes()]));
    }
}

#[test]
fn every_single_split_gives_the_same_events() {
    let whole = read(&[STREAM.as_bytes()]);
    for at in 0..=STREAM.len() {
        let (a, b) = STREAM.as_bytes().split_at(at);
        assert_eq!(read(&[a, b]), whole, "split at {at}");
    }
}
