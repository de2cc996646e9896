use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::events::EventStream;
use crate::testing::{Outcome, run_pieces};

fn run(pieces: &[&[u8]]) -> Outcome {
    let origin = Origin {
        provider: "anthropic",
        model: "m".to_owned(),
    };
    let parser = MessageParser::new(ToolNames::default(), None, origin);
    run_pieces(EventStream::new(parser), pieces)
}

fn run_text(stream: &str) -> Outcome {
    run(&[stream.as_bytes()])
}

/// Events as the API writes them: the name repeats the type.
fn stream(events: &[Value]) -> String {
    events
        .iter()
        .map(|event| {
            format!(
                "event: {}\ndata: {event}\n\n",
                event["type"].as_str().unwrap()
            )
        })
        .collect()
}

fn begin() -> Value {
    json!({"type": "message_start", "message": {"id": "msg_1", "type": "message",
        "role": "assistant", "content": [], "stop_reason": null,
        "usage": {"input_tokens": 5, "cache_creation_input_tokens": 10,
                  "cache_read_input_tokens": 16, "output_tokens": 1}}})
}

fn start(index: u64, block: &Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u64, delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn text(index: u64, text: &str) -> Value {
    delta(index, &json!({"type": "text_delta", "text": text}))
}

fn piece(index: u64, json: &str) -> Value {
    delta(
        index,
        &json!({"type": "input_json_delta", "partial_json": json}),
    )
}

fn reason(reason: &str) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
        "usage": {"output_tokens": 7}})
}

fn stop() -> Value {
    json!({"type": "message_stop"})
}

fn call(index: u64, id: &str, name: &str) -> Value {
    start(
        index,
        &json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
    )
}

fn says(words: &str, why: &str) -> String {
    let block = start(0, &json!({"type": "text", "text": ""}));
    stream(&[begin(), block, text(0, words), reason(why), stop()])
}

/// Thoughts around text and two calls.
fn thinks_and_calls() -> String {
    let end = |index: u64| json!({"type": "content_block_stop", "index": index});
    let thought = |index: u64, piece: &str| {
        delta(index, &json!({"type": "thinking_delta", "thinking": piece}))
    };
    stream(&[
        begin(),
        json!({"type": "ping"}),
        start(
            0,
            &json!({"type": "thinking", "thinking": "", "signature": ""}),
        ),
        thought(0, "**Look** "),
        thought(0, "around"),
        delta(
            0,
            &json!({"type": "signature_delta", "signature": "c2lnbmF0"}),
        ),
        delta(0, &json!({"type": "signature_delta", "signature": "dXJl"})),
        end(0),
        start(1, &json!({"type": "redacted_thinking", "data": "c2VjcmV0"})),
        end(1),
        start(2, &json!({"type": "text", "text": ""})),
        text(2, "Let me "),
        text(2, "see."),
        end(2),
        call(3, "toolu_a", "list_directory"),
        piece(3, ""),
        piece(3, "{\"dir_path\""),
        piece(3, ": \".\"}"),
        end(3),
        start(
            4,
            &json!({"type": "thinking", "thinking": "", "signature": ""}),
        ),
        thought(4, "And read."),
        delta(4, &json!({"type": "signature_delta", "signature": "Mg=="})),
        end(4),
        call(5, "toolu_b", "read_file"),
        piece(5, "{\"file_path\":\"\\u00e4\"}"),
        end(5),
        reason("tool_use"),
        stop(),
    ])
}

/// Streams as the API sends them.
fn recorded() -> Vec<(&'static str, String)> {
    vec![
        ("text", says("Grüße \u{1F600}\r\n\0", "end_turn")),
        ("calls", thinks_and_calls()),
        ("crlf", says("a", "max_tokens").replace('\n', "\r\n")),
        (
            "error",
            stream(&[
                begin(),
                start(0, &json!({"type": "text", "text": "Hal"})),
                json!({"type": "error",
                    "error": {"type": "overloaded_error", "message": "Overloaded"}}),
            ]),
        ),
        (
            "cut",
            format!(
                "{}event: content_block_delta\ndata: {{\"type\":\"cont",
                stream(&[begin(), start(0, &json!({"type": "text", "text": "Hal"}))])
            ),
        ),
    ]
}

#[test]
fn recorded_streams_give_the_same_split_at_every_byte() {
    for (name, stream) in recorded() {
        let whole = run_text(&stream);
        for at in 0..=stream.len() {
            let (a, b) = stream.as_bytes().split_at(at);
            assert_eq!(run(&[a, b]), whole, "{name} split at {at}");
        }
        let bytes: Vec<_> = stream.as_bytes().chunks(1).collect();
        assert_eq!(run(&bytes), whole, "{name} byte by byte");
    }
}

#[test]
fn text_usage_and_finish_arrive() {
    let outcome = run_text(&recorded()[0].1);
    assert_eq!(outcome.text, "Grüße \u{1F600}\r\n\0");
    assert_eq!(outcome.finish, Some(FinishReason::Stop));
    let expected = Usage {
        input_tokens: 31,
        output_tokens: 7,
        cached_tokens: 16,
    };
    assert_eq!(outcome.usage, expected);
    assert_eq!(outcome.provider_state, Value::Null);
}

#[test]
fn thoughts_and_calls_arrive_and_the_signatures_are_kept_in_their_places() {
    let outcome = run_text(&recorded()[1].1);
    assert_eq!(outcome.thought, "**Look** around\n\nAnd read.");
    assert_eq!(outcome.text, "Let me see.");
    assert_eq!(outcome.finish, Some(FinishReason::ToolCalls));
    let calls: Vec<_> = outcome
        .calls
        .iter()
        .map(|call| (call.id.as_deref(), call.name.as_str(), call.args.clone()))
        .collect();
    assert_eq!(
        calls,
        [
            (Some("toolu_a"), "list_directory", json!({"dir_path": "."})),
            (Some("toolu_b"), "read_file", json!({"file_path": "ä"})),
        ]
    );
    assert_eq!(
        outcome.provider_state,
        json!({"provider": "anthropic", "model": "m", "parts": [
            {"raw": {"type": "thinking", "thinking": "**Look** around",
                     "signature": "c2lnbmF0dXJl"}},
            {"raw": {"type": "redacted_thinking", "data": "c2VjcmV0"}},
            {"text": 11},
            {"call": true},
            {"raw": {"type": "thinking", "thinking": "And read.", "signature": "Mg=="}},
            {"call": true},
        ]})
    );
}

#[test]
fn every_stop_reason_is_known() {
    for (why, expected) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("pause_turn", FinishReason::Stop),
        ("tool_use", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("refusal", FinishReason::Refusal),
        ("new", FinishReason::Stop),
    ] {
        assert_eq!(run_text(&says("a", why)).finish, Some(expected), "{why}");
    }
}

#[test]
fn an_end_without_words_is_what_its_reason_says() {
    let silent = |why: &str| run_text(&stream(&[begin(), reason(why), stop()]));
    let error = |why: &str| silent(why).error.unwrap();
    assert!(error("refusal").starts_with("Refused"));
    assert!(error("model_context_window_exceeded").starts_with("ContextOverflow"));
    let empty = silent("end_turn");
    assert_eq!(
        (empty.finish, empty.text.as_str()),
        (Some(FinishReason::Stop), "")
    );
}

#[test]
fn odd_arguments_are_kept() {
    let whole = json!({"type": "tool_use", "id": "1", "name": "a", "input": {"x": 1}});
    let bare = json!({"type": "tool_use", "name": "b"});
    let outcome = run_text(&stream(&[
        begin(),
        start(0, &whole),
        start(1, &bare),
        call(2, "", "c"),
        piece(2, "{\"x\": oops"),
        call(3, "4", "d"),
        reason("max_tokens"),
        stop(),
    ]));
    let calls: Vec<_> = outcome
        .calls
        .iter()
        .map(|call| (call.id.as_deref(), call.args.clone()))
        .collect();
    assert_eq!(
        calls,
        [
            (Some("1"), json!({"x": 1})),
            (None, json!({})),
            (None, json!("{\"x\": oops")),
            (Some("4"), json!({})),
        ]
    );
    assert_eq!(outcome.finish, Some(FinishReason::Length));
}

#[test]
fn what_is_new_is_passed_over() {
    let outcome = run_text(&stream(&[
        begin(),
        json!({"type": "novelty", "delta": {"text": "x"}}),
        start(0, &json!({"type": "server_thing", "id": "1"})),
        delta(0, &json!({"type": "thing_delta", "text": "x"})),
        start(1, &json!({"type": "thinking", "thinking": "unsigned"})),
        start(2, &json!({"type": "text", "text": "a"})),
        delta(2, &json!({"type": "citations_delta", "citation": {}})),
        reason("end_turn"),
        stop(),
    ]));
    assert_eq!(outcome.text, "a");
    assert_eq!(
        outcome.provider_state,
        Value::Null,
        "unsigned thoughts stay here"
    );
}

#[test]
fn the_end_of_a_stream_is_judged_by_what_came() {
    let said = stream(&[begin(), start(0, &json!({"type": "text", "text": "Hal"}))]);
    let reason = stream(&[reason("end_turn")]);
    for (stream, is_whole) in [
        (String::new(), false),
        (said.clone(), false),
        (format!("{said}data: {{\"ty"), false),
        (format!("{said}{reason}"), true),
        (format!("{said}{reason}data: {{\"ty"), true),
        (format!("{said}data: {{\"type\":\"message_stop\"}}"), true),
        (
            format!("{said}{}data: garbage\n\n", super::tests::stream(&[stop()])),
            true,
        ),
    ] {
        let outcome = run_text(&stream);
        match outcome.error {
            Some(error) => assert!(!is_whole && error.starts_with("Cut"), "{stream}: {error}"),
            None => assert!(is_whole, "{stream}"),
        }
    }
}

#[test]
fn what_is_not_understood_is_an_error_without_the_text() {
    for data in [
        "{secret-text",
        "[]",
        "{\"index\":0}",
        "{\"type\":\"content_block_start\"}",
        "{\"type\":\"content_block_delta\",\"index\":9,\"delta\":{\"text\":\"secret-text\"}}",
    ] {
        let error = run_text(&format!("data: {data}\n\n")).error.unwrap();
        assert!(error.starts_with("Malformed"), "{data}: {error}");
        assert!(!error.contains("secret-text"), "{error}");
    }
}

#[test]
fn an_error_in_the_stream_ends_it_after_the_text_before() {
    let outcome = run_text(&recorded()[3].1);
    assert_eq!(outcome.text, "Hal");
    assert!(outcome.error.unwrap().starts_with("Unavailable"));
}

#[test]
fn a_flood_of_blocks_is_refused() {
    let blocks: Vec<_> = (0..2_000).map(|index| call(index, "a", "a")).collect();
    let error = run_text(&stream(&blocks)).error.unwrap();
    assert!(error.starts_with("Malformed"), "{error}");
}

proptest! {
    #[test]
    fn no_damaged_stream_panics(which in 0_usize..5, at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = recorded()[which].1.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        run(&[&bytes]);
        bytes.truncate(at);
        run(&[&bytes]);
    }
}
