//! `POST /api/v1/tasks`.

use serde_json::{Value, json};
use testkit::{Answer, Gate, Reply, TestServer, send, text_of};

use crate::support::message;

const PATH: &str = "/api/v1/tasks";

fn post(server: &TestServer) -> reqwest::RequestBuilder {
    server.api.request(reqwest::Method::POST, PATH)
}

fn refused(answer: &Answer) {
    assert_eq!(answer.error(), (400, "VALIDATION_ERROR".to_owned()));
}

async fn created(server: &TestServer, request: reqwest::RequestBuilder) -> String {
    let data = send(request).await.data();
    assert_eq!(data["status"], "pending");
    assert_eq!(data.as_object().unwrap().len(), 2);
    let id = data["id"].as_str().unwrap().to_owned();
    server.api.events(&id).await;
    id
}

#[tokio::test]
async fn contract_061_062_063_a_task_is_created_from_every_kind_of_body() {
    let server = TestServer::start(vec![Reply::say("Hello."); 3]).await;
    let multipart = reqwest::multipart::Form::new().text("message", "hi");
    for request in [
        post(&server).multipart(multipart),
        post(&server).json(&message("hi")),
        post(&server).form(&[("message", "hi"), ("autoExecute", "true")]),
    ] {
        let id = created(&server, request).await;
        let task = server.api.task(&id).await;
        assert_eq!(
            (&task["status"], &task["message"]),
            (&json!("completed"), &json!("hi"))
        );
        assert_eq!(task["output"]["content"], "Hello.");
    }
}

#[tokio::test]
async fn contract_064_the_answer_does_not_wait_for_the_run() {
    let gate = Gate::new();
    let server = TestServer::start([Reply::new().hang(&gate).text("late")]).await;
    // The model answers only after the gate opens, which is after this returns.
    let id = server.api.create(&message("hi")).await;
    gate.open();
    assert_eq!(text_of(&server.api.events(&id).await), "late");
}

#[tokio::test]
async fn contract_007_008_065_066_bodies_without_a_message_are_refused() {
    let server = TestServer::start([Reply::say("x")]).await;
    for body in [
        json!({}),
        message(""),
        message(" \n\t "),
        json!({"message": 5}),
        json!({"message": null}),
        json!({"message": ["x"]}),
        json!([1]),
        json!("x"),
    ] {
        refused(&send(post(&server).json(&body)).await);
    }
    let raw = |text: &'static str| {
        post(&server)
            .header("content-type", "application/json")
            .body(text)
    };
    for text in [
        "",
        "{",
        "{\"message\":\"x\"",
        "nonsense",
        "{\"message\":\"\\ud800\"}",
    ] {
        refused(&send(raw(text)).await);
    }
    let empty = reqwest::multipart::Form::new().text("autoExecute", "true");
    refused(&send(post(&server).multipart(empty)).await);
    assert_eq!(list_total(&server).await, 0);
}

#[tokio::test]
async fn contract_009_other_types_are_415() {
    let server = TestServer::start([Reply::say("x")]).await;
    for content_type in ["text/xml", "text/plain", "application/octet-stream"] {
        let answer = send(
            post(&server)
                .header("content-type", content_type)
                .body("<x/>"),
        )
        .await;
        assert_eq!(answer.error(), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned()));
    }
    let untyped = send(post(&server).body("{\"message\":\"x\"}")).await;
    assert_eq!(untyped.status, 415);
    assert_eq!(list_total(&server).await, 0);
}

#[tokio::test]
async fn contract_010_unknown_fields_are_ignored() {
    let server = TestServer::start([Reply::say("ok")]).await;
    created(
        &server,
        post(&server).json(&json!({"message": "x", "zzz": {"a": 1}})),
    )
    .await;
}

#[tokio::test]
async fn contract_067_the_defaults() {
    let server = TestServer::start([Reply::say("ok")]).await;
    let id = created(&server, post(&server).json(&message("hi"))).await;
    let task = server.api.task(&id).await;
    assert_eq!(task["systemPrompt"], Value::Null);
    assert_eq!(task["showInHistory"], true);
    assert_eq!(task["autoExecute"], true);
    assert_eq!(task["env"], Value::Null);
    assert_eq!(task.get("metadata"), None);
}

#[tokio::test]
async fn contract_068_069_truth_values_of_forms() {
    let server = TestServer::start(vec![Reply::say("ok"); 4]).await;
    for (text, truth) in [
        ("false", false),
        ("true", true),
        ("0", false),
        ("TRUE", true),
    ] {
        let form = [
            ("message", "hi"),
            ("autoExecute", text),
            ("showInHistory", text),
        ];
        let id = created(&server, post(&server).form(&form)).await;
        let task = server.api.task(&id).await;
        assert_eq!(
            (&task["autoExecute"], &task["showInHistory"]),
            (&json!(truth), &json!(truth))
        );
    }
    refused(&send(post(&server).form(&[("message", "hi"), ("autoExecute", "maybe")])).await);
    refused(&send(post(&server).json(&json!({"message": "hi", "autoExecute": "true"}))).await);
}

#[tokio::test]
async fn contract_070_the_system_prompt_comes_before_the_built_in_one() {
    let server = TestServer::start([Reply::say("ok")]).await;
    let body = json!({"message": "hi", "systemPrompt": "Speak like a pirate."});
    let id = created(&server, post(&server).json(&body)).await;
    assert_eq!(
        server.api.task(&id).await["systemPrompt"],
        "Speak like a pirate."
    );
    let system = server.model().requests()[0].system();
    assert!(system.starts_with("Speak like a pirate.\n\n") && system.contains("You are Sigmic"));
}

#[tokio::test]
async fn contract_071_072_073_variables_and_secrets() {
    let server = TestServer::start([
        Reply::call(
            "run_shell_command",
            json!({"command": "echo $PLAIN $BOTH $TOKEN; echo $TOKEN | rev"}),
        ),
        Reply::new().texts(["I saw hunter2", "-hunter2", " there."]),
    ])
    .await;
    let body = json!({
        "message": "my token is hunter2-hunter2",
        "env": {"PLAIN": "plain", "BOTH": "from-env"},
        "secrets": {"BOTH": "from-secrets", "TOKEN": "hunter2-hunter2"},
    });
    let id = created(&server, post(&server).json(&body)).await;
    let task = server.api.task(&id).await;
    assert_eq!(task["env"], json!({"PLAIN": "plain", "BOTH": "from-env"}));
    let output = task["output"]["toolCalls"][0]["output"].as_str().unwrap();
    // The command saw the values: the reversed one is not masked.
    assert!(
        output.contains("plain *** ***\n2retnuh-2retnuh"),
        "{output}"
    );
    assert_eq!(task["output"]["content"], "I saw *** there.");
    let mut everything = task.to_string();
    for path in ["/history", "/stream"] {
        everything += &server
            .api
            .get(&format!("/api/v1/tasks/{id}{path}"))
            .await
            .text;
    }
    everything += &server.api.get("/api/v1/tasks").await.text;
    for request in server.model().requests() {
        everything += &String::from_utf8_lossy(&request.body);
    }
    assert!(!everything.contains("hunter2-hunter2") && !everything.contains("from-secrets"));
    assert!(everything.contains("my token is ***"));
}

#[tokio::test]
async fn contract_072_no_secret_reaches_the_disk_of_the_database() {
    let server = TestServer::start([Reply::say("ok")]).await;
    let body = json!({"message": "hi", "secrets": {"TOKEN": "canary-7f3a9c51"}});
    created(&server, post(&server).json(&body)).await;
    let mut looked_at = 0;
    for entry in std::fs::read_dir(server.directory.path().join("data"))
        .unwrap()
        .flatten()
    {
        let bytes = std::fs::read(entry.path()).unwrap();
        looked_at += bytes.len();
        assert!(
            !bytes.windows(15).any(|window| window == b"canary-7f3a9c51"),
            "{entry:?}"
        );
    }
    assert!(looked_at > 4096, "the database was looked at");
}

#[tokio::test]
async fn contract_074_075_wrong_variables_are_refused() {
    let server = TestServer::start([Reply::say("x")]).await;
    for field in ["env", "secrets"] {
        for variables in [
            json!({"1X": "x"}),
            json!({"A B": "x"}),
            json!({"": "x"}),
            json!({"A": 1}),
            json!({"A": null}),
            json!({"A": {}}),
            json!({"PATH": "x"}),
            json!({"LD_PRELOAD": "x"}),
            json!({"https_proxy": "x"}),
            json!([]),
            json!("A=1"),
        ] {
            let answer =
                send(post(&server).json(&json!({"message": "hi", field: variables}))).await;
            assert_eq!(
                answer.error(),
                (400, "INVALID_ENV".to_owned()),
                "{field} {variables}"
            );
        }
    }
    assert_eq!(list_total(&server).await, 0);
}

#[tokio::test]
async fn contract_076_forms_cannot_carry_variables() {
    let server = TestServer::start([Reply::say("x")]).await;
    for field in ["env", "secrets"] {
        let form = reqwest::multipart::Form::new()
            .text("message", "hi")
            .text(field, "{\"A\":\"b\"}");
        refused(&send(post(&server).multipart(form)).await);
        refused(&send(post(&server).form(&[("message", "hi"), (field, "{}")])).await);
    }
    assert_eq!(list_total(&server).await, 0);
}

#[tokio::test]
async fn contract_088_a_repeated_request_gets_the_first_answer() {
    let server = TestServer::start([Reply::say("ok")]).await;
    let ask = |key: &'static str, body: Value| {
        send(post(&server).header("idempotency-key", key).json(&body))
    };
    let first = ask("k1", message("hi")).await.data();
    assert_eq!(ask("k1", message("hi")).await.data(), first);
    assert_eq!(
        ask("k1", message("other")).await.error(),
        (409, "CONFLICT".to_owned())
    );
    // A refused request keeps nothing.
    refused(&ask("k2", message("")).await);
    let (_, other) = server.another_key("other").await;
    let foreign = other
        .request(reqwest::Method::POST, PATH)
        .header("idempotency-key", "k1");
    assert_ne!(
        send(foreign.json(&message("hi"))).await.data()["id"],
        first["id"]
    );
    assert_eq!(list_total(&server).await, 1);
}

#[tokio::test]
async fn contract_089_two_creates_at_once_both_run() {
    let server = TestServer::start(vec![Reply::say("ok"); 2]).await;
    let body = message("hi");
    let (one, two) = tokio::join!(server.api.create(&body), server.api.create(&body));
    assert_ne!(one, two);
    for id in [one, two] {
        assert_eq!(server.api.finished(&id).await["status"], "completed");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_413() {
    let server = TestServer::start([Reply::say("x")]).await;
    let large = "x".repeat(11 * 1024 * 1024);
    for request in [
        post(&server).json(&message(&large)),
        post(&server).form(&[("message", &large)]),
    ] {
        assert_eq!(
            send(request).await.error(),
            (413, "PAYLOAD_TOO_LARGE".to_owned())
        );
    }
    let multipart = reqwest::multipart::Form::new().text("message", large);
    assert_eq!(send(post(&server).multipart(multipart)).await.status, 413);
    refused(&send(post(&server).json(&message(&"x".repeat(1024 * 1024 + 1)))).await);
}

#[tokio::test]
async fn every_kind_of_body_may_be_as_large() {
    let server = TestServer::start(vec![Reply::say("ok"); 3]).await;
    let large = "x".repeat(9 * 1024 * 1024);
    let multipart = reqwest::multipart::Form::new()
        .text("message", "hi")
        .text("ignored", large.clone());
    for request in [
        post(&server).multipart(multipart),
        post(&server).json(&json!({"message": "hi", "ignored": large})),
        post(&server).form(&[("message", "hi"), ("ignored", &large)]),
    ] {
        created(&server, request).await;
    }
}

#[tokio::test]
async fn models_limits_and_labels() {
    let server = TestServer::start([Reply::say("ok")]).await;
    for body in [
        json!({"message": "x", "model": "openai/other"}),
        json!({"message": "x", "maxTurns": 0}),
        json!({"message": "x", "timeoutMs": -1}),
        json!({"message": "x", "timeoutMs": "soon"}),
        json!({"message": "x", "metadata": {"a": 1}}),
        json!({"message": "x", "webhookUrl": "https://example.com"}),
    ] {
        refused(&send(post(&server).json(&body)).await);
    }
    let body = json!({"message": "x", "model": testkit::SCRIPTED_MODEL, "maxTurns": 3, "timeoutMs": 60_000, "metadata": {"a": "b"}});
    let id = created(&server, post(&server).json(&body)).await;
    assert_eq!(server.api.task(&id).await["metadata"], json!({"a": "b"}));
}

#[tokio::test]
async fn a_task_that_asks_again_and_again_reaches_its_turn_limit() {
    let server = TestServer::start(vec![Reply::call("list_directory", json!({})); 3]).await;
    let id = server
        .api
        .create(&json!({"message": "x", "maxTurns": 2}))
        .await;
    let events = server.api.events(&id).await;
    assert_eq!(events.last().unwrap().data["code"], "TURN_LIMIT");
    assert_eq!(server.model().requests().len(), 2);
}

async fn list_total(server: &TestServer) -> i64 {
    server.api.get(PATH).await.json()["pagination"]["total"]
        .as_i64()
        .unwrap()
}
