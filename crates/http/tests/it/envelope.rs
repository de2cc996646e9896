//! What every answer has in common, and what no route ever sees.

use std::net::SocketAddr;

use reqwest::Method;
use sigmic_http::{Listener, ListenerConfig};
use testkit::{Reply, TestServer, send};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use crate::support::message;

#[tokio::test]
async fn contract_001_002_004_011_envelopes_and_request_ids() {
    let server = TestServer::start([Reply::say("ok")]).await;
    let id = server.api.create(&message("hi")).await;
    server.api.finished(&id).await;
    let mut ids = Vec::new();
    for path in [
        "/api/v1/tasks",
        &format!("/api/v1/tasks/{id}"),
        "/api/v1/nope",
        "/api/v1/tasks?limit=0",
        "/healthz",
        "/readyz",
    ] {
        let answer = server.api.get(path).await;
        let body = answer.json();
        assert_eq!(
            body["success"].as_bool(),
            Some(answer.status == 200),
            "{path}"
        );
        assert!(
            if answer.status == 200 {
                body.get("data")
            } else {
                body.get("error")
            }
            .is_some()
        );
        assert_eq!(
            answer.headers["content-type"], "application/json; charset=utf-8",
            "{path}"
        );
        ids.push(answer.headers["x-request-id"].to_str().unwrap().to_owned());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

#[tokio::test]
async fn contract_005_006_unknown_paths_and_methods() {
    let server = TestServer::start([Reply::say("x")]).await;
    assert_eq!(
        server.api.get("/api/v1/nope").await.error(),
        (404, "NOT_FOUND".to_owned())
    );
    let answer = send(server.api.request(Method::PUT, "/api/v1/tasks")).await;
    assert_eq!(answer.error(), (405, "METHOD_NOT_ALLOWED".to_owned()));
    let allow = answer.headers["allow"].to_str().unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
}

#[tokio::test]
async fn a_trailing_slash_means_nothing() {
    let server = TestServer::start([Reply::say("x")]).await;
    assert_eq!(
        server.api.get("/api/v1/tasks/?limit=3").await.json()["pagination"]["limit"],
        3
    );
}

#[tokio::test]
async fn contract_013_an_internal_fault_tells_nothing() {
    let server = TestServer::start([Reply::say("x")]).await;
    let database = std::fs::read_dir(server.directory.path().join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "db"))
        .unwrap();
    let connection = rusqlite::Connection::open(database).unwrap();
    connection
        .execute_batch("ALTER TABLE tasks RENAME TO elsewhere")
        .unwrap();
    let answer = server.api.get("/api/v1/tasks").await;
    assert_eq!(answer.error(), (500, "INTERNAL_ERROR".to_owned()));
    assert_eq!(answer.json()["error"]["message"], "Internal error");
}

/// Sends bytes and answers what comes back until the server closes or has answered.
async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn requests_that_mean_two_things_never_reach_a_route() {
    let server = TestServer::start([Reply::say("x")]).await;
    let status = |answer: String| answer.split(' ').nth(1).unwrap_or_default().to_owned();
    for (request, expected) in [
        ("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
        ("GET /healthz HTTP/1.1\r\n\r\n", "400"),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        (
            "GET http://other/healthz HTTP/1.1\r\nHost: a\r\n\r\n",
            "400",
        ),
        ("GET /healthz%00 HTTP/1.1\r\nHost: a\r\n\r\n", "404"),
        ("GET /api%2fv1 HTTP/1.1\r\nHost: a\r\n\r\n", "404"),
        ("GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n", "400"),
        ("nonsense\r\n\r\n", "400"),
    ] {
        assert_eq!(
            status(raw(server.address, request.as_bytes()).await),
            expected,
            "{request:?}"
        );
    }
    let large = format!(
        "GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(40_000)
    );
    assert_eq!(status(raw(server.address, large.as_bytes()).await), "431");
}

#[tokio::test]
async fn the_stream_needs_http_1_1() {
    let server = TestServer::start([Reply::say("ok")]).await;
    let id = server.api.create(&message("hi")).await;
    server.api.finished(&id).await;
    let key = server.key.key.expose_key();
    let request = format!(
        "GET /api/v1/tasks/{id}/stream HTTP/1.0\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n"
    );
    let answer = raw(server.address, request.as_bytes()).await;
    assert!(answer.split(' ').nth(1) == Some("400"), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_for_a_place() {
    let mut config = ListenerConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.max_connections = 1;
    let listener = Listener::bind(config).await.unwrap();
    let address = listener.address();
    let service = tower::service_fn(|_| async { Ok(axum::response::Response::default()) });
    let stop = CancellationToken::new();
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(listener.serve(service, stop.clone()));

    let ask = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut buffer = [0; 1024];
    let mut first = tokio::net::TcpStream::connect(address).await.unwrap();
    first.write_all(ask).await.unwrap();
    assert!(first.read(&mut buffer).await.unwrap() > 0);
    let mut second = tokio::net::TcpStream::connect(address).await.unwrap();
    second.write_all(ask).await.unwrap();
    for _ in 0..20 {
        first.write_all(ask).await.unwrap();
        assert!(first.read(&mut buffer).await.unwrap() > 0);
    }
    assert!(second.try_read(&mut buffer).is_err(), "it was served");
    drop(first);
    assert!(second.read(&mut buffer).await.unwrap() > 0);
    stop.cancel();
}

#[tokio::test]
async fn the_api_page_is_served_and_loads_nothing_from_outside() {
    let server = TestServer::start([Reply::say("x")]).await;
    let page = server.api.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("swagger-ui"), "{}", page.text);
    assert!(!page.text.contains("://"), "{}", page.text);
    let script = server.api.get("/docs/swagger-initializer.js").await.text;
    assert!(
        script.contains("/openapi.json") && script.contains(r#""validatorUrl": "none""#),
        "{script}"
    );
    let document = server.api.get("/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
}
