use std::error::Error;

use futures_util::StreamExt;
use llm::{HttpConfig, Message, ModelError, RetryPolicy, ToolSpec, TurnEvent};
use model::{CallId, FinishReason, OsRandom, ToolCall, ToolStatus, Usage};
use serde_json::{Value, json};
use testkit::{Gate, ModelServer, Reply, Script};
use tokio::net::TcpSocket;

use crate::support::{KEY, ask, ask_server, models, says, shown};

#[tokio::test]
async fn a_turn_streams_thoughts_text_calls_and_usage() {
    let server = ModelServer::start(
        Reply::new()
            .thought("**Look** ")
            .thought("around.")
            .texts(["Let me ", "see."])
            .tool_call("list_directory", json!({"dir_path": "ä"}))
            .tool_call_with_id("mine", "read_file", json!({}))
            .tool_call_without_id("c", json!({"x": [1, null]}))
            .tool_call_raw("d", "{oops")
            .usage(31, 7, 16),
    )
    .await;
    let outcome = ask_server(&server).await;
    assert_eq!(outcome.finish(), FinishReason::ToolCalls);
    assert_eq!(outcome.thought, "**Look** around.");
    assert_eq!(outcome.pieces, ["Let me ", "see."]);
    let calls: Vec<_> = outcome
        .calls
        .iter()
        .map(|call| (call.id.as_deref(), call.name.as_str(), call.args.clone()))
        .collect();
    assert_eq!(
        calls,
        [
            (Some("call_0_0"), "list_directory", json!({"dir_path": "ä"})),
            (Some("mine"), "read_file", json!({})),
            (None, "c", json!({"x": [1, null]})),
            (Some("call_0_3"), "d", json!("{oops")),
        ]
    );
    let usage = Usage {
        input_tokens: 31,
        output_tokens: 7,
        cached_tokens: 16,
    };
    assert_eq!(outcome.finished.unwrap().1, usage);
}

#[tokio::test]
async fn a_request_carries_the_conversation_and_the_key_in_its_header_only() {
    let server = ModelServer::start([Reply::say("a"), Reply::say("b")]).await;
    let models = models(&format!("{}/", server.base_url()), HttpConfig::default());
    let mut turn = says("List the files");
    turn.messages.push(Message::Assistant {
        text: String::new(),
        thoughts: Vec::new(),
        tool_calls: vec![ToolCall {
            call_id: CallId::new("1"),
            name: "srv.list".to_owned(),
            args: json!({"path": "."}),
        }],
        provider_state: Value::Null,
    });
    turn.messages.push(Message::Tool {
        call_id: CallId::new("1"),
        name: "srv.list".to_owned(),
        output: "a.txt".to_owned(),
        status: ToolStatus::Success,
    });
    turn.tools.push(ToolSpec {
        name: "srv.list".to_owned(),
        description: "Lists".to_owned(),
        parameters: json!({"type": "object"}),
    });
    ask(&models, turn.clone()).await.finish();
    ask(&models, turn).await.finish();

    let requests = server.wait_for_requests(2).await;
    assert_eq!(
        requests[0].body, requests[1].body,
        "equal turns, equal bytes"
    );
    let request = &requests[0];
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/v1/chat/completions")
    );
    assert_eq!(
        request.header("authorization"),
        Some(format!("Bearer {KEY}").as_str())
    );
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert!(!String::from_utf8_lossy(&request.body).contains(KEY));
    assert_eq!(request.model(), "scripted");
    assert_eq!(request.system(), "You are a test.");
    assert_eq!(request.first_user_text(), "List the files");
    assert_eq!(request.tool_outputs(), ["a.txt"]);
    assert_eq!(
        request.tool_names()[0],
        request.messages()[2]["tool_calls"][0]["function"]["name"]
    );
    assert_eq!(
        request.json()["stream_options"],
        json!({"include_usage": true})
    );
}

/// The error of a turn.
async fn failure(reply: Reply) -> ModelError {
    let server = ModelServer::start(reply).await;
    ask_server(&server).await.error.expect("an error")
}

#[tokio::test]
async fn refusals_by_status_are_told_apart() {
    let echo = format!("bad key {KEY} in header");
    let table = [
        (Reply::rate_limited(7), "RateLimited"),
        (Reply::quota_exhausted(), "QuotaExhausted"),
        (Reply::status(402, ""), "QuotaExhausted"),
        (Reply::unavailable(), "Unavailable"),
        (Reply::status(500, echo.clone()), "Unavailable"),
        (Reply::error(401, "invalid_api_key", &echo), "Denied"),
        (Reply::error(403, "forbidden", &echo), "Denied"),
        (Reply::error(400, "bad", &echo), "Invalid"),
        (Reply::error(404, "model_not_found", &echo), "Invalid"),
        (
            Reply::error(400, "context_length_exceeded", &echo),
            "ContextOverflow",
        ),
        (Reply::error(400, "content_filter", &echo), "Refused"),
        (Reply::error(200, "server_error", &echo), "Unavailable"),
        (
            Reply::status(200, "{}").header("content-type", "application/json"),
            "Malformed",
        ),
        (
            Reply::new().text("a").error_in_stream(&json!(429), &echo),
            "RateLimited",
        ),
        (
            Reply::new().error_in_stream(&json!("odd"), &echo),
            "Unavailable",
        ),
        (Reply::new().malformed(), "Malformed"),
        (Reply::new().content_filter(), "Refused"),
        (
            Reply::status(200, "<html>").header("content-type", "text/html"),
            "Malformed",
        ),
        (Reply::no_answer(), "Unavailable"),
        (Reply::new().cut(), "Cut"),
        (Reply::new().end_early(), "Cut"),
    ];
    for (reply, expected) in table {
        let (kind, shown) = shown(&failure(reply.clone()).await);
        assert_eq!(kind, expected, "{reply:?}");
        assert!(!shown.contains(KEY), "{shown}");
        assert!(!shown.contains("127.0.0.1"), "{shown}");
    }
}

#[tokio::test]
async fn the_providers_wish_to_wait_is_read() {
    let table = [
        (Reply::rate_limited(7), Some(7_000)),
        (
            Reply::rate_limited("Fri, 02 Jan 2026 03:04:15 GMT"),
            Some(10_000),
        ),
        (Reply::rate_limited("soon"), None),
        (
            Reply::rate_limited(7).header("retry-after-ms", 250),
            Some(250),
        ),
        (Reply::unavailable().header("retry-after", 3), Some(3_000)),
        (Reply::unavailable(), None),
    ];
    for (reply, expected) in table {
        assert_eq!(failure(reply).await.retry_after_ms(), expected);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = ModelServer::start(Reply::say("stolen")).await;
    let target = format!("{}/chat/completions", other.base_url());
    let error = failure(Reply::status(307, "").header("location", target)).await;
    assert!(
        matches!(
            error,
            ModelError::Invalid {
                status: Some(307),
                ..
            }
        ),
        "{error:?}"
    );
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_cut_after_text_keeps_the_text() {
    let server = ModelServer::start(Reply::new().texts(["Hal", "f a"]).cut()).await;
    let outcome = ask_server(&server).await;
    assert_eq!(outcome.text(), "Half a");
    assert!(matches!(
        outcome.error,
        Some(ModelError::Cut { source: Some(_) })
    ));
}

#[tokio::test]
async fn a_refusal_is_an_answer_if_it_has_words() {
    let server = ModelServer::start(Reply::new().refusal("I will ").refusal("not.")).await;
    let outcome = ask_server(&server).await;
    assert_eq!(outcome.finish(), FinishReason::Refusal);
    assert_eq!(outcome.text(), "I will not.");
}

#[tokio::test]
async fn an_empty_answer_is_finished_and_empty() {
    let server = ModelServer::start(Reply::new().without_usage()).await;
    let outcome = ask_server(&server).await;
    assert_eq!(outcome.finish(), FinishReason::Stop);
    assert_eq!(outcome.text(), "");
    assert_eq!(outcome.finished.unwrap().1, Usage::default());
}

#[tokio::test]
async fn text_arrives_while_the_model_still_speaks() {
    let gate = Gate::new();
    let server = ModelServer::start(Reply::say("first").hang(&gate).text(" second")).await;
    let model = models(&server.base_url(), HttpConfig::default())
        .resolve(None)
        .unwrap();
    let mut events = model.provider.stream(says("Hi"));
    assert_eq!(
        events.next().await.unwrap().unwrap(),
        TurnEvent::Text("first".to_owned())
    );
    gate.open();
    assert_eq!(
        events.next().await.unwrap().unwrap(),
        TurnEvent::Text(" second".to_owned())
    );
}

#[tokio::test]
async fn silence_ends_the_turn() {
    let limits = HttpConfig {
        idle_timeout_ms: 30,
        ..HttpConfig::default()
    };
    let gate = Gate::new();
    let replies = [Reply::new().hang(&gate), Reply::say("a").hang(&gate)];
    let server = ModelServer::start(replies).await;
    let models = models(&server.base_url(), limits);
    for text in ["", "a"] {
        let outcome = ask(&models, says("Hi")).await;
        assert_eq!(outcome.text(), text);
        assert!(matches!(
            outcome.error,
            Some(ModelError::TimedOut { idle_ms: 30 })
        ));
    }
}

#[tokio::test]
async fn an_answer_beyond_all_bounds_is_refused() {
    let limits = HttpConfig {
        max_response_bytes: 10_000,
        ..HttpConfig::default()
    };
    let server = ModelServer::start(Reply::say("x".repeat(20_000))).await;
    let outcome = ask(&models(&server.base_url(), limits), says("Hi")).await;
    assert!(matches!(outcome.error, Some(ModelError::Malformed { .. })));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    // Bound, so that nobody else gets the port, but not listening.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let base_url = format!("http://{}/v1", socket.local_addr().unwrap());
    let outcome = ask(&models(&base_url, HttpConfig::default()), says("Hi")).await;
    let error = outcome.error.unwrap();
    assert!(
        matches!(error, ModelError::Unavailable { status: None, .. }),
        "{error:?}"
    );
    assert!(error.source().is_some());
}

#[tokio::test]
async fn turns_share_a_connection_and_a_dawdling_server_costs_one() {
    let gate = Gate::new();
    let dawdling = Reply::raw("data: [DONE]\n\n").hang(&gate);
    let replies = [
        Reply::say("a"),
        Reply::unavailable(),
        Reply::say("c"),
        dawdling,
        Reply::say("e"),
    ];
    let server = ModelServer::start(replies).await;
    let models = models(&server.base_url(), HttpConfig::default());
    for _ in 0..5 {
        ask(&models, says("Hi")).await;
    }
    let connections: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.connection)
        .collect();
    assert_eq!(connections, [0, 0, 0, 0, 1]);
}

#[tokio::test]
async fn a_server_without_tls_where_tls_is_asked_for_is_unavailable() {
    let server = ModelServer::start(Vec::new()).await;
    let base_url = server.base_url().replace("http:", "https:");
    let outcome = ask(&models(&base_url, HttpConfig::default()), says("Hi")).await;
    assert!(matches!(
        outcome.error,
        Some(ModelError::Unavailable {
            source: Some(_),
            ..
        })
    ));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn one_failure_and_then_success_within_the_policy() {
    let server = ModelServer::start([Reply::unavailable(), Reply::say("4")]).await;
    let error = ask_server(&server).await.error.unwrap();
    assert!(
        RetryPolicy::default()
            .next_delay_ms(1, &error, &OsRandom)
            .is_some()
    );
    assert_eq!(ask_server(&server).await.text(), "4");
}

#[tokio::test]
async fn nothing_is_sent_before_the_stream_is_polled() {
    let server = ModelServer::start(Reply::say("a")).await;
    let model = models(&server.base_url(), HttpConfig::default())
        .resolve(None)
        .unwrap();
    let unpolled = model.provider.stream(says("never"));
    drop(unpolled);
    assert_eq!(ask_server(&server).await.text(), "a");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn two_tools_with_one_name_are_refused_before_anything_is_sent() {
    let server = ModelServer::start(Vec::new()).await;
    let tool = ToolSpec {
        name: "a".to_owned(),
        description: String::new(),
        parameters: json!({}),
    };
    let mut turn = says("Hi");
    turn.tools = vec![tool.clone(), tool];
    let outcome = ask(&models(&server.base_url(), HttpConfig::default()), turn).await;
    assert!(matches!(
        outcome.error,
        Some(ModelError::Invalid { status: None, .. })
    ));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn many_tasks_are_answered_by_their_first_message() {
    let queue = |name: &str| {
        vec![
            Reply::say(format!("{name}1")),
            Reply::say(format!("{name}2")),
        ]
    };
    let server = ModelServer::start(Script::by_first_user_message([
        ("alpha", queue("A")),
        ("beta", queue("B")),
    ]))
    .await;
    let models = models(&server.base_url(), HttpConfig::default());
    let turn = async |name: &str| ask(&models, says(name)).await.text();
    let (a, b) = tokio::join!(turn("task alpha"), turn("task beta"));
    assert_eq!((a.as_str(), b.as_str()), ("A1", "B1"));
    assert_eq!(turn("task alpha").await, "A2");
    assert_eq!(turn("task beta").await, "B2");
    let exhausted = ask(&models, says("task beta")).await.error.unwrap();
    assert!(matches!(
        exhausted,
        ModelError::Invalid {
            status: Some(400),
            ..
        }
    ));
}

#[tokio::test]
async fn no_debug_print_shows_the_key() {
    let server = ModelServer::start(Vec::new()).await;
    let models = models(&server.base_url(), HttpConfig::default());
    let shown = format!("{models:?}");
    assert!(shown.contains("OpenAi") && !shown.contains(KEY), "{shown}");
}
