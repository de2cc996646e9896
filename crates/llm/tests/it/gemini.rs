use llm::{ApiKey, GeminiConfig, HttpConfig, Models, ModelsConfig, ToolSpec};
use model::{FinishReason, ToolStatus, Usage};
use serde_json::{Value, json};
use testkit::{Gate, ModelServer, Reply};

use crate::support::{KEY, Outcome, answered, ask, models_of, root_url, says, shown};

fn models(server: &ModelServer, http: HttpConfig) -> Models {
    models_of(ModelsConfig {
        default: Some("gemini/gemini-2.5-pro".to_owned()),
        http,
        gemini: Some(GeminiConfig {
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

/// A reply of one event for each part, and of one that ends it.
fn content(parts: &[Value], finish_reason: &str) -> Reply {
    let event = |candidate: Value| {
        let usage = json!({"promptTokenCount": 21, "cachedContentTokenCount": 16,
            "candidatesTokenCount": 3, "thoughtsTokenCount": 4});
        let event = json!({"candidates": [candidate], "usageMetadata": usage});
        format!("data: {event}\r\n\r\n")
    };
    let mut text: String = parts
        .iter()
        .map(|part| event(json!({"content": {"parts": [part], "role": "model"}})))
        .collect();
    text.push_str(&event(json!({"finishReason": finish_reason})));
    Reply::raw(text)
}

fn text(text: &str) -> Value {
    json!({"text": text})
}

fn thought() -> Value {
    json!({"text": "Look.", "thought": true})
}

fn call(args: Value, signature: Option<&str>) -> Value {
    let mut part = json!({"functionCall": {"name": "ls", "args": args}});
    if let Some(signature) = signature {
        part["thoughtSignature"] = json!(signature);
    }
    part
}

fn error(code: u16, status: &str, message: &str, details: Value) -> Reply {
    let error = json!({"code": code, "status": status, "message": message, "details": details});
    Reply::status(code, json!({"error": error}).to_string())
        .header("content-type", "application/json")
}

/// What the second request of the conversation below holds.
const SECOND_BODY: &str = concat!(
    r#"{"systemInstruction":{"parts":[{"text":"You are a test."}]},"#,
    r#""tools":[{"functionDeclarations":[{"name":"ls","description":"Lists"}]}],"#,
    r#""contents":[{"role":"user","parts":[{"text":"List"}]},"#,
    r#"{"role":"model","parts":[{"text":"Let me see."},"#,
    r#"{"functionCall":{"name":"ls","args":{"z":1,"a":"."}},"thoughtSignature":"c2lnbmF0dXJl"},"#,
    r#"{"functionCall":{"name":"ls","args":{}}}]},"#,
    r#"{"role":"user","parts":[{"functionResponse":{"name":"ls","response":{"output":"a.txt"}}},"#,
    r#"{"functionResponse":{"name":"ls","response":{"error":"no such folder"}}}]}],"#,
    r#""generationConfig":{"thinkingConfig":{"includeThoughts":true}}}"#,
);

#[tokio::test]
async fn a_conversation_returns_signatures_unchanged_and_all_results_in_one_message() {
    let parts = [
        thought(),
        text("Let me "),
        text("see."),
        call(json!({"z": 1, "a": "."}), Some("c2lnbmF0dXJl")),
        call(json!({}), None),
    ];
    let server = ModelServer::start([content(&parts, "STOP"), content(&[text("4")], "STOP")]).await;
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
        (
            "POST",
            "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
        )
    );
    assert_eq!(sent.header("x-goog-api-key"), Some(KEY));
    assert_eq!(sent.header("authorization"), None);
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(String::from_utf8_lossy(&sent.body), SECOND_BODY);
}

/// Checks the kind of each reply's error, and that it shows no key.
async fn check_failures(table: impl IntoIterator<Item = (Reply, &'static str)>) {
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
async fn refusals_by_status_are_told_apart_and_show_no_key() {
    let echo = format!("bad key {KEY} in header");
    let plain = |code: u16, status: &str| error(code, status, &echo, json!([]));
    let detailed =
        |code: u16, status: &str, detail: Value| error(code, status, &echo, json!([detail]));
    let quota = |id: &str| json!({"violations": [{"quotaId": id}]});
    let long = "The input token count (9) exceeds the maximum number of tokens allowed (8).";
    check_failures([
        (
            detailed(429, "RESOURCE_EXHAUSTED", quota("RequestsPerMinute")),
            "RateLimited",
        ),
        (
            detailed(429, "RESOURCE_EXHAUSTED", quota("RequestsPerDay")),
            "QuotaExhausted",
        ),
        (
            detailed(
                400,
                "INVALID_ARGUMENT",
                json!({"reason": "API_KEY_INVALID"}),
            ),
            "Denied",
        ),
        (plain(503, "UNAVAILABLE"), "Unavailable"),
        (plain(529, "UNAVAILABLE"), "Unavailable"),
        (plain(500, "INTERNAL"), "Unavailable"),
        (plain(403, "PERMISSION_DENIED"), "Denied"),
        (plain(404, "NOT_FOUND"), "Invalid"),
        (plain(400, "INVALID_ARGUMENT"), "Invalid"),
        (
            error(400, "INVALID_ARGUMENT", long, json!([])),
            "ContextOverflow",
        ),
    ])
    .await;
}

#[tokio::test]
async fn faults_of_the_stream_are_told_apart_and_show_no_key() {
    let in_stream = |code: u16| {
        let error = json!({"code": code, "message": format!("bad key {KEY}")});
        Reply::raw(format!("data: {}\n\n", json!({"error": error})))
    };
    check_failures([
        (in_stream(503), "Unavailable"),
        (in_stream(429), "RateLimited"),
        (Reply::raw("data: {\"cand\n\n"), "Malformed"),
        (content(&[], "SAFETY"), "Refused"),
        (content(&[], "PROHIBITED_CONTENT"), "Refused"),
        (content(&[], "MALFORMED_FUNCTION_CALL"), "Malformed"),
        (
            Reply::status(200, "{}").header("content-type", "application/json"),
            "Malformed",
        ),
        (Reply::no_answer(), "Unavailable"),
        (Reply::new().cut(), "Cut"),
        (Reply::raw(""), "Cut"),
    ])
    .await;
}

#[tokio::test]
async fn the_wish_to_wait_is_read() {
    let slow = || {
        error(
            429,
            "RESOURCE_EXHAUSTED",
            "",
            json!([{"retryDelay": "34s"}]),
        )
    };
    for (reply, expected) in [
        (slow(), Some(34_000)),
        (slow().header("retry-after", 7), Some(7_000)),
        (error(503, "UNAVAILABLE", "", json!([])), None),
    ] {
        assert_eq!(
            ask_once(reply).await.error.unwrap().retry_after_ms(),
            expected
        );
    }
}

#[tokio::test]
async fn an_empty_answer_is_finished_and_empty() {
    let outcome = ask_once(content(&[], "STOP")).await;
    assert_eq!(outcome.finish(), FinishReason::Stop);
    assert_eq!(outcome.text(), "");
    assert_eq!(
        ask_once(content(&[text("a")], "MAX_TOKENS")).await.finish(),
        FinishReason::Length
    );
    assert_eq!(
        ask_once(content(&[text("No.")], "SAFETY")).await.finish(),
        FinishReason::Refusal
    );
}

#[tokio::test]
async fn silence_and_a_cut_end_the_turn_and_keep_its_text() {
    let gate = Gate::new();
    let half = || {
        let event = json!({"candidates": [{"content": {"parts": [text("Hal")]}}]});
        Reply::raw(format!("data: {event}\n\n"))
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
async fn a_name_that_would_leave_its_place_in_the_url_is_refused() {
    let server = ModelServer::start(content(&[text("a")], "STOP")).await;
    let models = models(&server, HttpConfig::default());
    let provider = models.resolve(None).unwrap().provider;
    for name in ["..", "a/../b", "", "a//b"] {
        let mut request = says("Hi");
        name.clone_into(&mut request.model);
        let mut events = provider.stream(request);
        let error = futures_util::StreamExt::next(&mut events)
            .await
            .unwrap()
            .unwrap_err();
        assert_eq!(shown(&error).0, "Invalid", "{name}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn no_debug_print_shows_the_key() {
    let server = ModelServer::start(Vec::new()).await;
    let shown = format!("{:?}", models(&server, HttpConfig::default()));
    assert!(shown.contains("Gemini") && !shown.contains(KEY), "{shown}");
}
