use llm::{AnthropicConfig, ApiKey, HttpConfig, Models, ModelsConfig, ToolSpec};
use model::{FinishReason, ToolStatus, Usage};
use serde_json::{Value, json};
use testkit::{Gate, ModelServer, Reply};

use crate::support::{KEY, Outcome, answered, ask, models_of, root_url, says, shown};

fn models(server: &ModelServer, http: HttpConfig) -> Models {
    models_of(ModelsConfig {
        default: Some("anthropic/claude-sonnet-4-5".to_owned()),
        http,
        anthropic: Some(AnthropicConfig {
            base_url: root_url(server),
            api_key: Some(ApiKey::new(KEY)),
        }),
        ..ModelsConfig::default()
    })
}

async fn ask_once(reply: Reply) -> Outcome {
    let server = ModelServer::start(reply).await;
    ask(&models(&server, HttpConfig::default()), says("Hi")).await
}

/// A reply of these events.
fn events(events: &[Value]) -> Reply {
    let text: String = events
        .iter()
        .map(|event| {
            format!(
                "event: {}\ndata: {event}\n\n",
                event["type"].as_str().expect("a type")
            )
        })
        .collect();
    Reply::raw(text)
}

/// A reply of whole blocks.
fn message(blocks: &[Value], stop_reason: &str) -> Reply {
    let usage = json!({"input_tokens": 5, "cache_read_input_tokens": 16, "output_tokens": 1});
    let mut all = vec![json!({"type": "message_start", "message": {"usage": usage}})];
    for (index, block) in blocks.iter().enumerate() {
        all.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        all.push(json!({"type": "content_block_stop", "index": index}));
    }
    all.push(
        json!({"type": "message_delta", "delta": {"stop_reason": stop_reason},
        "usage": {"output_tokens": 7}}),
    );
    all.push(json!({"type": "message_stop"}));
    events(&all)
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn thought() -> Value {
    json!({"type": "thinking", "thinking": "Look.", "signature": "c2lnbmF0dXJl"})
}

fn redacted() -> Value {
    json!({"type": "redacted_thinking", "data": "b3BhcXVl"})
}

fn call(id: &str, args: Value) -> Value {
    json!({"type": "tool_use", "id": id, "name": "ls", "input": args})
}

fn error(status: u16, kind: &str, message: &str) -> Reply {
    let body = json!({"type": "error", "error": {"type": kind, "message": message}});
    Reply::status(status, body.to_string()).header("content-type", "application/json")
}

/// What the second request of the conversation below holds.
const SECOND_BODY: &str = concat!(
    r#"{"model":"claude-sonnet-4-5","max_tokens":32000,"#,
    r#""system":[{"type":"text","text":"You are a test.","cache_control":{"type":"ephemeral"}}],"#,
    r#""tools":[{"name":"ls","description":"Lists","input_schema":{"type":"object"}}],"#,
    r#""messages":[{"role":"user","content":[{"type":"text","text":"List"}]},"#,
    r#"{"role":"assistant","content":[{"type":"thinking","thinking":"Look.","signature":"c2lnbmF0dXJl"},"#,
    r#"{"type":"redacted_thinking","data":"b3BhcXVl"},{"type":"text","text":"Let me see."},"#,
    r#"{"type":"tool_use","id":"toolu_1","name":"ls","input":{"z":1,"a":"."}},"#,
    r#"{"type":"tool_use","id":"toolu_2","name":"ls","input":{}}]},"#,
    r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"a.txt"},"#,
    r#"{"type":"tool_result","tool_use_id":"toolu_2","content":"no such folder","is_error":true,"cache_control":{"type":"ephemeral"}}]}],"#,
    r#""thinking":{"type":"enabled","budget_tokens":8192},"stream":true}"#,
);

#[tokio::test]
async fn a_conversation_returns_thoughts_unchanged_and_all_results_in_one_message() {
    let blocks = [
        thought(),
        redacted(),
        text("Let me see."),
        call("toolu_1", json!({"z": 1, "a": "."})),
        call("toolu_2", json!({})),
    ];
    let server = ModelServer::start([
        message(&blocks, "tool_use"),
        message(&[text("4")], "end_turn"),
    ])
    .await;
    let models = models(&server, HttpConfig::default());
    let mut request = says("List");
    request.tools.push(ToolSpec {
        name: "ls".to_owned(),
        description: "Lists".to_owned(),
        parameters: json!({"type": "object"}),
    });
    let first = ask(&models, request.clone()).await;
    assert_eq!(first.finish(), FinishReason::ToolCalls);
    assert_eq!(first.thought, "Look.");
    assert_eq!(first.text(), "Let me see.");
    let usage = Usage {
        input_tokens: 21,
        output_tokens: 7,
        cached_tokens: 16,
    };
    assert_eq!(first.finished.as_ref().unwrap().1, usage);
    let outputs = [
        ("a.txt", ToolStatus::Success),
        ("no such folder", ToolStatus::Error),
    ];
    let second = ask(&models, answered(request, &first, &outputs)).await;
    assert_eq!(second.text(), "4");

    let requests = server.wait_for_requests(2).await;
    let sent = &requests[1];
    assert_eq!(
        (sent.method.as_str(), sent.path.as_str()),
        ("POST", "/v1/messages")
    );
    assert_eq!(sent.header("x-api-key"), Some(KEY));
    assert_eq!(sent.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(sent.header("authorization"), None);
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(String::from_utf8_lossy(&sent.body), SECOND_BODY);
    let begin = String::from_utf8_lossy(&requests[0].body).into_owned();
    assert!(
        begin.contains(r#"{"type":"text","text":"List","cache_control":{"type":"ephemeral"}}"#),
        "{begin}"
    );
}

#[tokio::test]
async fn failures_are_told_apart_and_show_no_key() {
    let echo = format!("bad key {KEY} in header");
    let in_stream =
        |kind: &str| events(&[json!({"type": "error", "error": {"type": kind, "message": echo}})]);
    let table = [
        (error(429, "rate_limit_error", &echo), "RateLimited"),
        (
            error(
                400,
                "invalid_request_error",
                "Your credit balance is too low",
            ),
            "QuotaExhausted",
        ),
        (error(402, "billing_error", &echo), "QuotaExhausted"),
        (error(529, "overloaded_error", &echo), "Unavailable"),
        (error(500, "api_error", &echo), "Unavailable"),
        (Reply::status(503, "<html>"), "Unavailable"),
        (error(401, "authentication_error", &echo), "Denied"),
        (error(403, "permission_error", &echo), "Denied"),
        (error(404, "not_found_error", &echo), "Invalid"),
        (error(400, "invalid_request_error", &echo), "Invalid"),
        (
            error(400, "invalid_request_error", "prompt is too long: 9 > 8"),
            "ContextOverflow",
        ),
        (error(413, "request_too_large", &echo), "ContextOverflow"),
        (in_stream("overloaded_error"), "Unavailable"),
        (in_stream("rate_limit_error"), "RateLimited"),
        (in_stream("odd"), "Unavailable"),
        (Reply::raw("data: {\"type\": \"mess\n\n"), "Malformed"),
        (message(&[], "refusal"), "Refused"),
        (
            Reply::status(200, "{}").header("content-type", "application/json"),
            "Malformed",
        ),
        (Reply::no_answer(), "Unavailable"),
        (Reply::new().cut(), "Cut"),
        (Reply::new().end_early(), "Cut"),
    ];
    for (reply, expected) in table {
        let error = ask_once(reply.clone()).await.error.expect("an error");
        let (kind, shown) = shown(&error);
        assert_eq!(kind, expected, "{reply:?}");
        assert!(
            !shown.contains(KEY) && !shown.contains("127.0.0.1"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn the_wish_to_wait_is_read() {
    for (reply, expected) in [
        (
            error(429, "rate_limit_error", "").header("retry-after", 7),
            Some(7_000),
        ),
        (
            error(529, "overloaded_error", "").header("retry-after", 3),
            Some(3_000),
        ),
        (error(529, "overloaded_error", ""), None),
    ] {
        assert_eq!(
            ask_once(reply).await.error.unwrap().retry_after_ms(),
            expected
        );
    }
}

#[tokio::test]
async fn an_empty_answer_is_finished_and_empty() {
    let outcome = ask_once(message(&[], "end_turn")).await;
    assert_eq!(outcome.finish(), FinishReason::Stop);
    assert_eq!(outcome.text(), "");
    assert_eq!(
        ask_once(message(&[text("a")], "max_tokens")).await.finish(),
        FinishReason::Length
    );
    assert_eq!(
        ask_once(message(&[text("No.")], "refusal")).await.finish(),
        FinishReason::Refusal
    );
}

#[tokio::test]
async fn silence_and_a_cut_end_the_turn_and_keep_its_text() {
    let gate = Gate::new();
    let half = || {
        events(&[json!({"type": "content_block_start", "index": 0, "content_block": text("Hal")})])
    };
    let server = ModelServer::start([half().hang(&gate), half().cut()]).await;
    let limits = HttpConfig {
        idle_timeout_ms: 30,
        ..HttpConfig::default()
    };
    let models = models(&server, limits);
    for expected in ["TimedOut", "Cut"] {
        let outcome = ask(&models, says("Hi")).await;
        assert_eq!(outcome.text(), "Hal");
        assert_eq!(shown(&outcome.error.unwrap()).0, expected);
    }
}

#[tokio::test]
async fn no_debug_print_shows_the_key() {
    let server = ModelServer::start(Vec::new()).await;
    let shown = format!("{:?}", models(&server, HttpConfig::default()));
    assert!(
        shown.contains("Anthropic") && !shown.contains(KEY),
        "{shown}"
    );
}
