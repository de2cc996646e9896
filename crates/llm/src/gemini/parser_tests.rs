use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::events::EventStream;
use crate::testing::{Outcome, run_pieces};

fn run(pieces: &[&[u8]]) -> Outcome {
    let origin = Origin {
        provider: "gemini",
        model: "m".to_owned(),
    };
    let parser = ContentParser::new(ToolNames::default(), None, origin);
    run_pieces(EventStream::new(parser), pieces)
}

fn run_text(stream: &str) -> Outcome {
    run(&[stream.as_bytes()])
}

fn stream(events: &[Value]) -> String {
    events
        .iter()
        .map(|event| format!("data: {event}\r\n\r\n"))
        .collect()
}

fn parts(parts: &Value) -> Value {
    json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}],
        "usageMetadata": {"promptTokenCount": 31, "cachedContentTokenCount": 16}})
}

fn text(text: &str) -> Value {
    parts(&json!([{"text": text}]))
}

fn end(reason: &str) -> Value {
    json!({"candidates": [{"content": {"parts": [{"text": ""}], "role": "model"},
            "finishReason": reason, "index": 0}],
        "usageMetadata": {"promptTokenCount": 31, "cachedContentTokenCount": 16,
            "candidatesTokenCount": 3, "thoughtsTokenCount": 4, "totalTokenCount": 38},
        "modelVersion": "m", "responseId": "r"})
}

/// Streams as the API sends them.
fn recorded() -> Vec<(&'static str, String)> {
    vec![
        (
            "text",
            stream(&[text("Grüße "), text("\u{1F600}\r\n\0"), end("STOP")]),
        ),
        (
            "calls",
            stream(&[
                parts(&json!([{"text": "**Look** ", "thought": true}])),
                parts(&json!([{"text": "around", "thought": true, "thoughtSignature": "dA=="}])),
                text("Let me "),
                text("see."),
                parts(&json!([
                    {"functionCall": {"name": "list_directory", "args": {"dir_path": "."}},
                     "thoughtSignature": "c2ln"},
                    {"functionCall": {"name": "read_file", "args": {"file_path": "ä"}}},
                ])),
                parts(&json!([{"text": "", "thoughtSignature": "ZW5k"}])),
                end("STOP"),
            ]),
        ),
        (
            "lf",
            stream(&[text("a"), end("MAX_TOKENS")]).replace('\r', ""),
        ),
        (
            "error",
            stream(&[
                text("Hal"),
                json!({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}),
            ]),
        ),
        ("cut", format!("{}data: {{\"cand", stream(&[text("Hal")]))),
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
    assert_eq!(outcome.thought, "**Look** around");
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
            (None, "list_directory", json!({"dir_path": "."})),
            (None, "read_file", json!({"file_path": "ä"})),
        ]
    );
    assert_eq!(
        outcome.provider_state,
        json!({"provider": "gemini", "model": "m", "parts": [
            {"raw": {"text": "around", "thought": true, "thoughtSignature": "dA=="}},
            {"text": 11},
            {"call": true, "signature": "c2ln"},
            {"call": true},
            {"text": 0, "signature": "ZW5k"},
        ]})
    );
}

#[test]
fn every_finish_reason_is_known() {
    for (why, expected) in [
        ("STOP", FinishReason::Stop),
        ("OTHER", FinishReason::Stop),
        ("MAX_TOKENS", FinishReason::Length),
        ("SAFETY", FinishReason::Refusal),
        ("PROHIBITED_CONTENT", FinishReason::Refusal),
        ("RECITATION", FinishReason::Refusal),
    ] {
        let said = run_text(&stream(&[text("a"), end(why)]));
        assert_eq!(said.finish, Some(expected), "{why}");
        let silent = run_text(&stream(&[end(why)]));
        match silent.error {
            Some(error) => assert!(
                expected == FinishReason::Refusal && error.contains(why),
                "{why}: {error}"
            ),
            None => assert_eq!(silent.finish, Some(expected), "{why}"),
        }
    }
    let wrong = run_text(&stream(&[end("MALFORMED_FUNCTION_CALL")]));
    assert!(wrong.error.unwrap().starts_with("Malformed"));
}

#[test]
fn a_blocked_prompt_is_refused() {
    let blocked = json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {}});
    let error = run_text(&stream(&[blocked])).error.unwrap();
    assert!(
        error.starts_with("Refused") && error.contains("SAFETY"),
        "{error}"
    );
}

#[test]
fn odd_parts_are_understood() {
    let outcome = run_text(&stream(&[
        json!({"candidates": []}),
        json!({"candidates": [{"content": {"role": "model"}}]}),
        parts(&json!([{"inlineData": {}}, {"functionCall": {"id": "7", "name": "a"}}])),
        parts(&json!([{"functionCall": {"name": "b", "args": [1]}}])),
        end("STOP"),
    ]));
    let calls: Vec<_> = outcome
        .calls
        .iter()
        .map(|call| (call.id.as_deref(), call.args.clone()))
        .collect();
    assert_eq!(calls, [(Some("7"), json!({})), (None, json!([1]))]);
}

#[test]
fn the_end_of_a_stream_is_judged_by_what_came() {
    let said = stream(&[text("Hal")]);
    for (stream, is_whole) in [
        (String::new(), false),
        (said.clone(), false),
        (format!("{said}data: {{\"ca"), false),
        (format!("{said}{}", stream(&[end("STOP")])), true),
        (format!("{said}data: {}", end("STOP")), true),
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
    for data in ["{secret-text", "\"secret-text\"", "{\"candidates\":5}"] {
        let error = run_text(&format!("data: {data}\n\n")).error.unwrap();
        assert!(error.starts_with("Malformed"), "{data}: {error}");
        assert!(!error.contains("secret-text"), "{error}");
    }
    let outcome = run_text(&recorded()[3].1);
    assert_eq!(outcome.text, "Hal");
    assert!(outcome.error.unwrap().starts_with("Unavailable"));
}

#[test]
fn a_flood_is_refused() {
    let calls: Vec<_> = (0..300)
        .map(|_| json!({"functionCall": {"name": "a"}}))
        .collect();
    let signed: Vec<_> = (0..5_000)
        .map(|_| json!({"thoughtSignature": "eA=="}))
        .collect();
    for flood in [calls, signed] {
        let error = run_text(&stream(&[parts(&json!(flood))])).error.unwrap();
        assert!(error.starts_with("Malformed"), "{error}");
    }
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
