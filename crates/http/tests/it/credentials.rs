//! Who is asking: every task endpoint, every shape of credential, every end of a key.

use std::sync::Arc;

use model::{Clock as _, KeyClass};
use reqwest::Method;
use serde_json::json;
use testkit::{Answer, FakeClock, Gate, Reply, TestServer, send};

use crate::support::message;

const SOME: &str = "00000000-0000-4000-8000-000000000000";

/// The task endpoints that this server has.
fn endpoints() -> Vec<(Method, String)> {
    let task = format!("/api/v1/tasks/{SOME}");
    vec![
        (Method::POST, "/api/v1/tasks".to_owned()),
        (Method::GET, "/api/v1/tasks".to_owned()),
        (Method::GET, task.clone()),
        (Method::DELETE, task.clone()),
        (Method::GET, format!("{task}/stream")),
        (Method::GET, format!("{task}/history")),
        (Method::GET, format!("{task}/artifacts")),
        (Method::GET, format!("{task}/artifacts/download?path=x")),
        (Method::GET, format!("{task}/artifacts/file?path=x")),
        (Method::GET, format!("{task}/artifacts/content?path=x")),
        (Method::POST, format!("{task}/messages")),
        (Method::POST, format!("{task}/tools/c/approve")),
    ]
}

/// Asks every endpoint with these headers and checks that all answer alike.
async fn everywhere(server: &TestServer, headers: &[(&str, &str)], status: u16, code: &str) {
    for (method, path) in endpoints() {
        let answer = ask(server, method.clone(), &path, headers).await;
        assert_eq!(
            answer.error(),
            (status, code.to_owned()),
            "{method} {path} {headers:?}"
        );
        if status == 401 {
            let challenge = answer.headers["www-authenticate"].to_str().unwrap();
            assert!(
                challenge.starts_with("Bearer realm=\"sigmic\""),
                "{challenge}"
            );
            assert_eq!(answer.headers["cache-control"], "no-store");
        }
        for (_, value) in headers {
            let credential = value.rsplit(' ').next().unwrap();
            assert!(
                credential.len() < 6 || !answer.text.contains(credential),
                "the credential is echoed"
            );
        }
    }
}

async fn ask(server: &TestServer, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = server.api.bare(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request).await
}

/// Whether a key works: it sees an empty list or its tasks.
async fn works(server: &TestServer, headers: &[(&str, &str)]) -> bool {
    ask(server, Method::GET, "/api/v1/tasks", headers)
        .await
        .status
        == 200
}

async fn plain() -> TestServer {
    TestServer::start(vec![Reply::say("ok"); 4]).await
}

#[tokio::test]
async fn contract_014_no_credential() {
    everywhere(&plain().await, &[], 401, "AUTH_REQUIRED").await;
}

#[tokio::test]
async fn contract_015_016_031_both_headers_work_everywhere() {
    let server = plain().await;
    let key = server.key.key.expose_key();
    let task = server.api.create(&message("hi")).await;
    server.api.finished(&task).await;
    for headers in [
        [("authorization", format!("Bearer {key}"))],
        [("authorization", format!("bearer   {key}  "))],
        [("x-api-key", key.to_owned())],
    ] {
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        for (method, path) in endpoints() {
            let answer = ask(
                &server,
                method.clone(),
                &path.replace(SOME, &task),
                &headers,
            )
            .await;
            // Known to the server: refused, if at all, for what it asks.
            assert!(
                ![401, 403].contains(&answer.status),
                "{method} {path}: {}",
                answer.text
            );
        }
    }
}

#[tokio::test]
async fn contract_017_018_unknown_shapes() {
    let server = plain().await;
    everywhere(
        &server,
        &[("authorization", "Bearer hello")],
        401,
        "INVALID_AUTH_FORMAT",
    )
    .await;
    everywhere(
        &server,
        &[("x-api-key", "hello")],
        401,
        "INVALID_AUTH_FORMAT",
    )
    .await;
}

#[tokio::test]
async fn contract_019_020_keys_that_are_none() {
    let server = plain().await;
    let key = server.key.key.expose_key();
    let mut other = key.to_owned();
    other.replace_range(70..71, if key.ends_with('0') { "1" } else { "0" });
    for wrong in [
        format!("sigmic_{}", "a".repeat(64)),
        format!("sigmic_{}", "a".repeat(63)),
        key.to_uppercase().replace("SIGMIC_", "sigmic_"),
        other,
    ] {
        everywhere(
            &server,
            &[("authorization", &format!("Bearer {wrong}"))],
            401,
            "INVALID_API_KEY",
        )
        .await;
    }
}

#[tokio::test]
async fn contract_028_without_signing_no_token_works_and_keys_do() {
    let server = TestServer::builder()
        .script(vec![Reply::say("ok"); 4])
        .without_signing()
        .start()
        .await;
    let body = json!({"appId": "a", "appSecret": "s", "endUserId": "u"});
    let request = server.api.bare(Method::POST, "/api/v1/auth/token");
    let refused = send(request.json(&body)).await;
    assert_eq!(refused.error(), (501, "JWT_NOT_CONFIGURED".to_owned()));
    let token = [("authorization", "Bearer eyJhbGciOiJub25lIn0.e30.")];
    everywhere(&server, &token, 501, "JWT_NOT_CONFIGURED").await;
    let token = [("x-api-key", "eyJhbGciOiJub25lIn0.e30.")];
    everywhere(&server, &token, 501, "JWT_NOT_CONFIGURED").await;
    let bearer = format!("Bearer {}", server.key.key.expose_key());
    assert!(works(&server, &[("authorization", &bearer)]).await);
}

#[tokio::test]
async fn contract_021_an_expired_key() {
    let clock = Arc::new(FakeClock::default());
    let server = TestServer::builder()
        .clock(clock.clone())
        .script([Reply::say("x")])
        .start()
        .await;
    let minted = server
        .admin
        .create_key(tenancy::NewKey {
            organization_id: server.key.record.organization_id,
            project_id: server.key.record.project_id,
            class: KeyClass::Project,
            name: "short".to_owned(),
            scopes: None,
            cidrs: Vec::new(),
            limits: None,
            expires_at: Some(clock.now().plus_millis(1_000)),
            created_by: "ana".to_owned(),
        })
        .await
        .unwrap();
    let value = format!("Bearer {}", minted.key.expose_key());
    assert!(works(&server, &[("authorization", &value)]).await);
    clock.advance_ms(1_000);
    everywhere(
        &server,
        &[("authorization", &value)],
        401,
        "INVALID_API_KEY",
    )
    .await;
}

#[tokio::test]
async fn contract_022_a_disabled_key_works_again_when_enabled() {
    let server = plain().await;
    let (minted, api) = server.another_key("other").await;
    let organization = minted.record.organization_id;
    server
        .admin
        .disable_key(organization, minted.record.id)
        .await
        .unwrap();
    assert_eq!(
        api.get("/api/v1/tasks").await.error(),
        (401, "INVALID_API_KEY".to_owned())
    );
    server
        .admin
        .enable_key(organization, minted.record.id)
        .await
        .unwrap();
    assert_eq!(api.get("/api/v1/tasks").await.status, 200);
}

#[tokio::test]
async fn contract_023_a_revoked_key_and_its_open_streams() {
    let gate = Gate::new();
    let server = TestServer::start([Reply::new().text("part").hang(&gate).text(" rest")]).await;
    let (minted, api) = server.another_key("other").await;
    let id = api.create(&message("hi")).await;
    let mut theirs = api.stream(&id).await;
    let mut mine = server.api.stream(&id).await;
    theirs.until("content").await;
    mine.until("content").await;
    server
        .admin
        .revoke_key(minted.record.organization_id, minted.record.id, None)
        .await
        .unwrap();
    assert_eq!(
        api.get("/api/v1/tasks").await.error(),
        (401, "INVALID_API_KEY".to_owned())
    );
    // The body ends without a terminal event; the run and other readers go on.
    assert_eq!(theirs.next().await, None);
    gate.open();
    assert_eq!(mine.rest().await.last().unwrap().name, "done");
}

#[tokio::test]
async fn contract_029_030_ambiguous_credentials() {
    let server = plain().await;
    let key = server.key.key.expose_key();
    let (other, _) = server.another_key("other").await;
    let other = other.key.expose_key();
    let bearer = format!("Bearer {key}");
    let twice = format!("{bearer}, {bearer}");
    for headers in [
        vec![("authorization", "Basic eDp5")],
        vec![("authorization", bearer.as_str()), ("x-api-key", other)],
        vec![
            ("authorization", bearer.as_str()),
            ("authorization", bearer.as_str()),
        ],
        vec![("authorization", ""), ("authorization", bearer.as_str())],
        vec![("x-api-key", key), ("x-api-key", key)],
        vec![("authorization", twice.as_str())],
        vec![("authorization", "Bearer \u{e9}\u{e9}")],
    ] {
        everywhere(&server, &headers, 401, "INVALID_AUTH_FORMAT").await;
    }
    for headers in [
        vec![("authorization", "Basic eDp5"), ("x-api-key", key)],
        vec![("authorization", bearer.as_str()), ("x-api-key", key)],
        vec![("authorization", "Bearer"), ("x-api-key", key)],
        vec![("authorization", ""), ("x-api-key", key)],
    ] {
        assert!(works(&server, &headers).await, "{headers:?}");
    }
    for headers in [
        vec![("authorization", "Bearer")],
        vec![("authorization", "Bearer  ")],
        vec![("authorization", "")],
    ] {
        everywhere(&server, &headers, 401, "AUTH_REQUIRED").await;
    }
    // A refused bearer never falls back to the other header.
    let wrong = format!("Bearer sigmic_{}", "a".repeat(64));
    everywhere(
        &server,
        &[("authorization", &wrong), ("x-api-key", key)],
        401,
        "INVALID_AUTH_FORMAT",
    )
    .await;
}

#[tokio::test]
async fn keys_in_the_query_or_the_body_count_for_nothing() {
    let server = plain().await;
    let key = server.key.key.expose_key();
    let path = format!("/api/v1/tasks?api_key={key}&access_token={key}&token={key}");
    let answer = ask(
        &server,
        Method::GET,
        &path,
        &[("cookie", &format!("session={key}"))],
    )
    .await;
    assert_eq!(answer.error(), (401, "AUTH_REQUIRED".to_owned()));
}

#[tokio::test]
async fn contract_032_033_keys_have_their_form_and_show_their_beginning_only() {
    let server = plain().await;
    let (minted, _) = server.another_key("other").await;
    let key = minted.key.expose_key();
    let digits = key.strip_prefix("sigmic_").unwrap();
    assert_eq!(digits.len(), 64);
    assert!(
        digits
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    );
    assert_eq!(minted.record.prefix, key[..12]);
    assert!(!format!("{minted:?}").contains(digits));
}

#[tokio::test]
async fn contract_035_036_038_projects_are_apart_and_keys_of_one_project_together() {
    let server = plain().await;
    let (_, same) = server.another_key("same").await;
    let (_, foreign) = server.another_project("elsewhere").await;
    let id = server.api.create(&message("hi")).await;
    server.api.finished(&id).await;
    assert_eq!(same.task(&id).await, server.api.task(&id).await);
    for (method, path) in endpoints()
        .into_iter()
        .filter(|(_, path)| path.contains(SOME))
    {
        let request = foreign.request(method.clone(), &path.replace(SOME, &id));
        let answer = send(request.json(&json!({"message": "x", "outcome": "cancel"}))).await;
        assert_eq!(
            answer.error(),
            (404, "NOT_FOUND".to_owned()),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn contract_037_management_keys_run_no_tasks() {
    let server = plain().await;
    let (minted, _) = server.management_key().await;
    let value = format!("Bearer {}", minted.key.expose_key());
    everywhere(&server, &[("authorization", &value)], 403, "FORBIDDEN").await;
}
