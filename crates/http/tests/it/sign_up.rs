//! Making an account, where the operator lets everybody.

use auth::RateLimitsConfig;
use model::Rate;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Backend, Console, PASSWORD, Reply, TestServer, TestServerBuilder, send};

fn open() -> TestServerBuilder {
    let server = TestServer::builder().script(vec![Reply::say("ok"); 2]);
    server.open_to_everybody()
}

async fn sign_up(server: &TestServer, body: &Value) -> Answer {
    let request = server.api.bare(Method::POST, "/api/v1/auth/signup");
    send(request.json(body)).await
}

fn ana() -> Value {
    json!({"email": " Ana@Example.com", "password": PASSWORD, "name": "Ana Lind"})
}

#[tokio::test]
async fn sign_up_is_closed_unless_opened() {
    let server = TestServer::start([Reply::say("ok")]).await;
    let refused = sign_up(&server, &ana()).await;
    assert_eq!(refused.error(), (403, "FORBIDDEN".to_owned()));
    assert_eq!(server.log_in("ana@example.com", PASSWORD).await.status, 401);
}

/// Somebody makes an account and works with it.
async fn signs_up(server: TestServer) {
    let config = send(server.api.bare(Method::GET, "/api/v1/auth/config")).await;
    assert_eq!(config.data()["signupOpen"], true);
    let made = sign_up(&server, &ana()).await;
    assert_eq!(made.data(), json!({}));
    assert!(!made.headers.contains_key("set-cookie"));
    let signed_in = server.log_in("ana@example.com", PASSWORD).await;
    let data = signed_in.data();
    assert_eq!(data["user"]["name"], "Ana Lind");
    assert_eq!(data["organizations"].as_array().unwrap().len(), 1);
    assert_eq!(data["organizations"][0]["name"], "Ana Lind");
    assert_eq!(data["organizations"][0]["role"], "owner");
    let console = Console::after(&server.api, &signed_in);
    let projects = console.get("/api/v1/projects").await.json();
    assert_eq!(projects["pagination"]["total"], 1);
    assert_eq!(projects["data"][0]["isDefault"], true);
    let project = projects["data"][0]["id"].as_str().unwrap();
    let tasks = format!("/api/v1/tasks?projectId={project}");
    let task = console.post(&tasks, &crate::support::message("hi")).await;
    assert_eq!(task.status, 200, "{}", task.text);
    let theirs = server.key.record.project_id.unwrap();
    let theirs = console.get(&format!("/api/v1/projects/{theirs}")).await;
    assert_eq!(theirs.error().0, 404, "what others have is not there");
    let organization = data["organizationId"].as_str().unwrap();
    let log = format!("/api/v1/organizations/{organization}/audit-log");
    let log = console.get(&log).await.json();
    let last = log["data"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["action"], "organization.create");
    assert_eq!(last["actor"]["name"], "ana@example.com");
}

#[tokio::test]
async fn somebody_signs_up_on_sqlite() {
    signs_up(open().start().await).await;
}

#[tokio::test]
async fn somebody_signs_up_on_postgres() {
    signs_up(open().backend(Backend::Postgres).start().await).await;
}

#[tokio::test]
async fn an_address_that_is_taken_gets_the_same_answer_and_changes_nothing() {
    let server = open().start().await;
    let first = sign_up(&server, &ana()).await;
    let mut again = ana();
    again["password"] = json!("walnut-Kite-58-fog");
    again["name"] = json!("Mallory");
    let second = sign_up(&server, &again).await;
    assert_eq!((second.status, &second.text), (200, &first.text));
    assert_eq!(first.headers.len(), second.headers.len());
    let data = server.log_in("ana@example.com", PASSWORD).await.data();
    assert_eq!(data["user"]["name"], "Ana Lind");
    assert_eq!(data["organizations"].as_array().unwrap().len(), 1);
    let theirs = server.log_in("ana@example.com", "walnut-Kite-58-fog");
    assert_eq!(theirs.await.status, 401);
    // What cannot be is refused alike, too.
    for (field, wrong) in [
        ("email", json!("nobody")),
        ("password", json!("short")),
        ("name", json!(" ")),
        ("name", Value::Null),
        ("organizationName", json!("")),
        ("organizationName", json!(7)),
    ] {
        let mut body = ana();
        body[field] = wrong;
        let refused = sign_up(&server, &body).await;
        assert_eq!(refused.error().0, 400, "{body}");
        assert!(refused.text.contains(field), "{}", refused.text);
    }
}

#[tokio::test]
async fn accounts_are_made_so_often_only() {
    let server = open().rate_limits(RateLimitsConfig {
        sign_in: Some(Rate::per_minute(2).unwrap()),
        ..RateLimitsConfig::default()
    });
    let server = server.start().await;
    let mut statuses = Vec::new();
    for name in ["one", "two", "three"] {
        let mut body = ana();
        body["email"] = json!(format!("{name}@example.com"));
        body["organizationName"] = json!(name);
        statuses.push(sign_up(&server, &body).await.status);
    }
    assert_eq!(statuses, [200, 200, 429]);
}
