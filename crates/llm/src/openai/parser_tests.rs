use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::events::EventStream;
use crate::testing::{Outcome, run_pieces};
use crate::wire::WireParser;
use crate::{ProposedCall, ToolSpec};

fn run(pieces: &[&[u8]]) -> Outcome {
    let parser = ChatParser::new(ToolNames::default(), None);
    run_pieces(EventStream::new(parser), pieces)
}

fn run_text(stream: &str) -> Outcome {
    run(&[stream.as_bytes()])
}

/// A stream of these chunks, closed by `[DONE]`.
fn stream(chunks: &[Value]) -> String {
    let mut text: String = chunks
        .iter()
        .map(|chunk| format!("data: {chunk}\n\n"))
        .collect();
    text.push_str("data: [DONE]\n\n");
    text
}

fn delta(delta: &Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn finish(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn call_delta(index: Value, id: Value, name: Value, arguments: Value) -> Value {
    delta(&json!({"tool_calls": [
        {"index": index, "id": id, "type": "function",
         "function": {"name": name, "arguments": arguments}}
    ]}))
}

fn proposed(id: Option<&str>, name: &str, args: Value) -> ProposedCall {
    ProposedCall {
        id: id.map(str::to_owned),
        name: name.to_owned(),
        args,
    }
}

/// Streams as servers send them, with all their habits.
fn recorded() -> Vec<(&'static str, String)> {
    let usage = json!({"choices": [], "usage": {
        "prompt_tokens": 31, "completion_tokens": 7, "total_tokens": 38,
        "prompt_tokens_details": {"cached_tokens": 16}}});
    vec![
        (
            "text",
            stream(&[
                delta(&json!({"role": "assistant", "content": "", "refusal": null})),
                delta(&json!({"content": "Grüße "})),
                delta(&json!({"content": "\u{1F600}\r\n\0"})),
                finish("stop"),
                usage.clone(),
            ]),
        ),
        (
            "crlf",
            stream(&[delta(&json!({"content": "a"})), finish("length"), usage.clone()])
                .replace('\n', "\r\n"),
        ),
        (
            "calls",
            stream(&[
                delta(&json!({"reasoning_content": "**Look** around"})),
                call_delta(json!(0), json!("call_a"), json!("list_"), json!("")),
                call_delta(json!(1), json!("call_b"), json!("read_file"), json!("{\"file")),
                call_delta(json!(0), json!(null), json!("directory"), json!("{\"dir_path\"")),
                call_delta(json!(1), json!(null), json!(null), json!("_path\":\"ä\"}")),
                call_delta(json!(0), json!(null), json!(null), json!(":\".\"}")),
                finish("tool_calls"),
                usage,
            ]),
        ),
        (
            "surrogates",
            "data: {\"choices\":[{\"delta\":{\"content\":\"a\\ud800b\\udc00\\ud83d\\ude00\"}}]}\n\n\
             : ping\n\ndata: [DONE]\n\n"
                .to_owned(),
        ),
        (
            "error",
            format!(
                "{}data: {{\"error\":{{\"message\":\"overloaded\",\"code\":503}}}}\n\n",
                format_args!("data: {}\n\n", delta(&json!({"content": "Hal"})))
            ),
        ),
        (
            "cut",
            format!("data: {}\n\ndata: {{\"cho", delta(&json!({"content": "Hal"}))),
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
    assert_eq!(
        run_text(&recorded()[1].1).finish,
        Some(FinishReason::Length)
    );
}

#[test]
fn parallel_calls_are_put_together_by_index() {
    let outcome = run_text(&recorded()[2].1);
    assert_eq!(outcome.thought, "**Look** around");
    assert_eq!(outcome.finish, Some(FinishReason::ToolCalls));
    assert_eq!(
        outcome.calls,
        [
            proposed(Some("call_a"), "list_directory", json!({"dir_path": "."})),
            proposed(Some("call_b"), "read_file", json!({"file_path": "ä"})),
        ]
    );
}

#[test]
fn odd_calls_are_understood() {
    let null = || json!(null);
    let table = [
        (
            "no arguments, no id, wrong finish reason",
            vec![
                call_delta(json!(0), null(), json!("a"), json!("")),
                finish("stop"),
            ],
            vec![proposed(None, "a", json!({}))],
        ),
        (
            "no index, ids tell them apart",
            vec![
                call_delta(null(), json!("1"), json!("a"), json!("{}")),
                call_delta(null(), json!("2"), json!("b"), json!("{\"x\":")),
                call_delta(null(), json!("2"), null(), json!("1}")),
            ],
            vec![
                proposed(Some("1"), "a", json!({})),
                proposed(Some("2"), "b", json!({"x": 1})),
            ],
        ),
        (
            "one index for all",
            vec![
                call_delta(json!(0), json!("1"), json!("a"), json!("{}")),
                call_delta(json!(0), json!("2"), json!("a"), json!("{}")),
            ],
            vec![
                proposed(Some("1"), "a", json!({})),
                proposed(Some("2"), "a", json!({})),
            ],
        ),
        (
            "a fresh id with each piece, the name repeated or empty",
            vec![
                call_delta(json!(0), json!("1"), json!("a"), json!("{\"x\":")),
                call_delta(json!(0), json!("9"), json!(""), json!("1")),
                call_delta(json!(0), json!("1"), json!("a"), json!("}")),
            ],
            vec![proposed(Some("1"), "a", json!({"x": 1}))],
        ),
    ];
    for (name, chunks, expected) in table {
        let outcome = run_text(&stream(&chunks));
        assert_eq!(outcome.calls, expected, "{name}");
        assert_eq!(outcome.finish, Some(FinishReason::ToolCalls), "{name}");
    }
}

#[test]
fn odd_arguments_are_kept() {
    let null = || json!(null);
    let chunks = [
        call_delta(json!(0), null(), json!("a"), json!({"x": 1})),
        call_delta(json!(1), null(), json!("b"), json!("null")),
        call_delta(json!(2), null(), json!("c"), json!("[1]")),
        call_delta(json!(3), null(), json!("d"), json!("{\"x\": oops")),
        call_delta(json!(4), null(), json!("e"), json!("{\"x\":\"\\ud800\"}")),
    ];
    let expected = [
        proposed(None, "a", json!({"x": 1})),
        proposed(None, "b", json!({})),
        proposed(None, "c", json!([1])),
        proposed(None, "d", json!("{\"x\": oops")),
        proposed(None, "e", json!({"x": "\u{fffd}"})),
    ];
    assert_eq!(run_text(&stream(&chunks)).calls, expected);
}

#[test]
fn calls_cut_by_the_length_limit_say_so() {
    let outcome = run_text(&stream(&[
        call_delta(json!(0), json!("1"), json!("a"), json!("{\"x\": \"unfini")),
        finish("length"),
    ]));
    assert_eq!(outcome.finish, Some(FinishReason::Length));
    assert_eq!(
        outcome.calls,
        [proposed(Some("1"), "a", json!("{\"x\": \"unfini"))]
    );
}

#[test]
fn translated_names_come_back() {
    let tool = ToolSpec {
        name: "server.tool".to_owned(),
        description: String::new(),
        parameters: json!({}),
    };
    let names = ToolNames::new(&[tool]).unwrap();
    let wire = crate::names::to_wire("server.tool").into_owned();
    let mut parser = EventStream::new(ChatParser::new(names, None));
    let mut arrived = Arrived::new();
    let text = stream(&[call_delta(json!(0), json!("1"), json!(wire), json!("{}"))]);
    parser.feed(text.as_bytes(), &mut arrived);
    assert_eq!(
        arrived.pop_front().unwrap().unwrap(),
        TurnEvent::ToolCall(proposed(Some("1"), "server.tool", json!({})))
    );
}

#[test]
fn a_refusal_with_text_is_an_answer_and_without_an_error() {
    let with_text = [
        vec![
            delta(&json!({"refusal": "I will "})),
            delta(&json!({"refusal": "not."})),
            finish("stop"),
        ],
        vec![
            delta(&json!({"content": "I will not."})),
            finish("content_filter"),
        ],
    ];
    for chunks in with_text {
        let outcome = run_text(&stream(&chunks));
        assert_eq!(outcome.text, "I will not.");
        assert_eq!(outcome.finish, Some(FinishReason::Refusal));
    }
    let error = run_text(&stream(&[finish("content_filter")]))
        .error
        .unwrap();
    assert!(error.starts_with("Refused"), "{error}");
}

#[test]
fn thoughts_come_under_both_names_and_in_parts() {
    let outcome = run_text(&stream(&[
        delta(&json!({"reasoning": "a"})),
        delta(&json!({"reasoning_content": "b", "reasoning": "b"})),
        delta(&json!({"content": [{"type": "text", "text": "c"}, {"type": "image"}]})),
        delta(&json!({"content": 7, "reasoning": {"odd": true}})),
    ]));
    assert_eq!(
        (outcome.thought.as_str(), outcome.text.as_str()),
        ("ab", "c")
    );
    assert_eq!(outcome.finish, Some(FinishReason::Stop));
}

#[test]
fn contract_152_what_the_model_says_is_kept_or_replaced() {
    let outcome = run_text(&recorded()[3].1);
    assert_eq!(outcome.text, "a\u{fffd}b\u{fffd}\u{1F600}");
    let said = "a\n\nevent: x\n\"\u{1F600}\u{2028}\0";
    let outcome = run_text(&stream(&[delta(&json!({"content": said}))]));
    assert_eq!(outcome.text, said);
}

#[test]
fn the_end_of_a_stream_is_judged_by_what_came() {
    let text = format!("data: {}\n\n", delta(&json!({"content": "Hal"})));
    let reason = format!("data: {}\n\n", finish("stop"));
    let table = [
        (String::new(), "cut"),
        (text.clone(), "cut"),
        (format!("{text}data: {{\"choices"), "cut"),
        (format!("{text}{reason}"), "finished"),
        (format!("{text}{reason}data: {{\"cho"), "finished"),
        (format!("{text}data: {}", finish("stop")), "finished"),
        (format!("{text}data: [DONE]"), "finished"),
        (
            format!("{text}data: [DONE]\n\ndata: garbage\n\n"),
            "finished",
        ),
        ("data: [DONE]\n\n".to_owned(), "finished"),
    ];
    for (stream, expected) in table {
        let outcome = run_text(&stream);
        match outcome.error {
            Some(error) => assert!(expected == "cut" && error.starts_with("Cut"), "{stream}"),
            None => assert_eq!(expected, "finished", "{stream}"),
        }
    }
}

#[test]
fn what_is_not_understood_is_an_error_without_the_text() {
    for data in [
        "{secret-text",
        "[]",
        "\"secret-text\"",
        "{\"choices\":5}",
        "{\"choices\":[5]}",
    ] {
        let error = run_text(&format!("data: {data}\n\n")).error.unwrap();
        assert!(error.starts_with("Malformed"), "{data}: {error}");
        assert!(!error.contains("secret-text"), "{error}");
    }
}

#[test]
fn an_error_in_the_stream_ends_it_after_the_text_before() {
    let outcome = run_text(&recorded()[4].1);
    assert_eq!(outcome.text, "Hal");
    assert!(outcome.error.unwrap().starts_with("Unavailable"));
}

#[test]
fn a_flood_of_calls_is_refused() {
    let chunks: Vec<_> = (0..300)
        .map(|index| call_delta(json!(index), json!(null), json!("a"), json!("{}")))
        .collect();
    assert!(
        run_text(&stream(&chunks))
            .error
            .unwrap()
            .starts_with("Malformed")
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(pieces in prop::collection::vec(any::<Vec<u8>>(), 0..8)) {
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        run(&pieces);
    }

    #[test]
    fn no_damaged_stream_panics(which in 0_usize..6, at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = recorded()[which].1.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        run(&[&bytes]);
        bytes.truncate(at);
        run(&[&bytes]);
    }
}
