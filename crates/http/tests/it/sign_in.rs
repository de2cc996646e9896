//! Signing in and out: passwords, links, and what a cookie is good for.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Api, Backend, Console, FakeClock, PASSWORD, Reply, TestServer, send};

use crate::support::message;
use crate::widgets::Shop;

const ME: &str = "/api/v1/me";
const HOUR_MS: i64 = 60 * 60 * 1_000;

fn unauthenticated() -> (u16, String) {
    (401, "AUTH_REQUIRED".to_owned())
}

async fn plain() -> TestServer {
    TestServer::start(vec![Reply::say("ok"); 4]).await
}

async fn post(api: &Api, path: &str, body: &Value) -> Answer {
    send(api.bare(Method::POST, path).json(body)).await
}

/// Somebody signs in, is known, and signs out.
async fn signs_in(server: &TestServer) {
    let first = server.owner().await;
    let answer = server.log_in("owner@example.com", PASSWORD).await;
    let data = answer.data();
    assert_eq!(data["user"]["email"], "owner@example.com");
    assert_eq!(data["user"]["name"], "Olga");
    assert_eq!(data["organizations"][0]["role"], "owner");
    assert_eq!(data["organizations"][0]["projectIds"], Value::Null);
    assert_eq!(data["organizationId"], data["organizations"][0]["id"]);
    let console = Console::after(&server.api, &answer);
    assert_ne!(
        console.cookie(),
        first.cookie(),
        "a new value at each sign-in"
    );
    assert_eq!(console.get(ME).await.data(), data);
    let out = console.post("/api/v1/auth/logout", &json!({})).await;
    assert!(
        out.headers["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    assert_eq!(console.get(ME).await.error(), unauthenticated());
    assert_eq!(
        first.get(ME).await.status,
        200,
        "another browser stays signed in"
    );
}

#[tokio::test]
async fn somebody_signs_in_on_sqlite() {
    signs_in(&plain().await).await;
}

#[tokio::test]
async fn somebody_signs_in_on_postgres() {
    let server = TestServer::builder().backend(Backend::Postgres);
    signs_in(&server.script([Reply::say("ok")]).start().await).await;
}

#[tokio::test]
async fn an_address_has_one_spelling() {
    let server = plain().await;
    server.owner().await;
    for email in [
        "OWNER@example.com",
        "  owner@Example.COM ",
        "owner@example.com\n",
    ] {
        assert_eq!(
            server.log_in(email, PASSWORD).await.status,
            200,
            "{email:?}"
        );
    }
}

#[tokio::test]
async fn known_and_unknown_addresses_get_one_answer() {
    let server = plain().await;
    server.owner().await;
    let wrong = server.log_in("owner@example.com", "another-Orbit-93").await;
    let (status, text) = (wrong.status, wrong.text);
    assert_eq!(status, 401);
    let oversized = "x".repeat(5_000);
    for (email, password) in [
        ("nobody@example.com", PASSWORD),
        ("owner@example.com.", PASSWORD),
        ("owner", PASSWORD),
        ("", PASSWORD),
        ("owner@example.com", ""),
        ("owner@example.com", " plum-Orbit-93-kelp"),
        ("owner@example.com", &oversized),
        (&oversized, PASSWORD),
        ("' OR 1=1 --@x.y", PASSWORD),
        ("owner@example.com\0", PASSWORD),
    ] {
        let answer = server.log_in(email, password).await;
        assert_eq!((answer.status, &answer.text), (status, &text), "{email:?}");
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    assert!(text.contains("INVALID_CREDENTIALS"));
}

#[tokio::test]
async fn a_sign_in_is_a_small_json_object() {
    let server = plain().await;
    let path = "/api/v1/auth/login";
    let huge = json!({"email": "a@b.c", "password": "x".repeat(20_000)});
    assert_eq!(post(&server.api, path, &huge).await.error().0, 413);
    let wrong = json!({"email": 7, "password": "x"});
    assert_eq!(post(&server.api, path, &wrong).await.error().0, 400);
    assert_eq!(post(&server.api, path, &json!([])).await.error().0, 400);
    let form = server
        .api
        .bare(Method::POST, path)
        .form(&[("email", "a@b.c")]);
    assert_eq!(send(form).await.error().0, 415);
}

#[tokio::test]
async fn a_sign_in_ends_when_idle_and_after_two_weeks() {
    let clock = Arc::new(FakeClock::default());
    let server = TestServer::builder().clock(clock.clone());
    let server = server.script([Reply::say("ok")]).start().await;
    let idle = server.owner().await;
    let used = Console::after(
        &server.api,
        &server.log_in("owner@example.com", PASSWORD).await,
    );
    for _ in 0..30 {
        assert_eq!(used.get(ME).await.status, 200);
        clock.advance_ms(11 * HOUR_MS);
    }
    assert_eq!(idle.get(ME).await.error(), unauthenticated());
    assert_eq!(used.get(ME).await.status, 200);
    let left = 14 * 24 * HOUR_MS - 30 * 11 * HOUR_MS;
    clock.advance_ms(left - 1);
    assert_eq!(used.get(ME).await.status, 200);
    clock.advance_ms(1);
    assert_eq!(used.get(ME).await.error(), unauthenticated());
    let mut other = server.log_in("owner@example.com", PASSWORD).await;
    let fresh = Console::after(&server.api, &other);
    clock.advance_ms(12 * HOUR_MS - 1);
    assert_eq!(fresh.get(ME).await.status, 200);
    other = server.log_in("owner@example.com", PASSWORD).await;
    let fresh = Console::after(&server.api, &other);
    clock.advance_ms(12 * HOUR_MS);
    assert_eq!(fresh.get(ME).await.error(), unauthenticated());
}

#[tokio::test]
async fn sign_ins_are_listed_and_ended() {
    let server = plain().await;
    let mine = server.owner().await;
    let other = Console::after(
        &server.api,
        &server.log_in("owner@example.com", PASSWORD).await,
    );
    let listed = mine.get("/api/v1/me/sessions").await.json();
    let sessions = listed["data"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let current: Vec<_> = sessions.iter().filter(|s| s["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["ip"], "127.0.0.1");
    assert!(
        !listed
            .to_string()
            .contains(mine.cookie().split_once('=').unwrap().1)
    );
    let theirs = sessions.iter().find(|s| s["current"] == false).unwrap();
    let path = format!("/api/v1/me/sessions/{}", theirs["id"].as_str().unwrap());
    let receipt = mine.delete(&path).await.data();
    assert_eq!(
        (&receipt["sessions"], &receipt["keys"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(other.get(ME).await.error(), unauthenticated());
    assert_eq!(mine.delete(&path).await.error().0, 404);
    for wrong in ["nope", "00000000-0000-4000-8000-000000000000"] {
        let path = format!("/api/v1/me/sessions/{wrong}");
        assert_eq!(mine.delete(&path).await.error().0, 404);
    }
}

#[tokio::test]
async fn a_new_password_ends_the_other_sign_ins() {
    let server = plain().await;
    let mine = server.owner().await;
    let other = Console::after(
        &server.api,
        &server.log_in("owner@example.com", PASSWORD).await,
    );
    let change = |current: &str, new: &str| json!({"currentPassword": current, "password": new});
    let new = "walnut-Kite-58-fog";
    let wrong = mine.patch(ME, &change("wrong", new)).await;
    assert_eq!(wrong.error(), (401, "INVALID_CREDENTIALS".to_owned()));
    assert_eq!(
        mine.patch(ME, &json!({"password": new})).await.error().0,
        401
    );
    for weak in [
        "short-9A",
        "password12345",
        "owner@example.com",
        &"x".repeat(300),
    ] {
        let refused = mine.patch(ME, &change(PASSWORD, weak)).await;
        assert_eq!(
            refused.error(),
            (400, "VALIDATION_ERROR".to_owned()),
            "{weak}"
        );
        assert!(!refused.text.contains(weak), "it is not echoed");
    }
    assert_eq!(other.get(ME).await.status, 200);
    assert_eq!(
        mine.patch(ME, &change(PASSWORD, new)).await.data()["name"],
        "Olga"
    );
    assert_eq!(other.get(ME).await.error(), unauthenticated());
    assert_eq!(mine.get(ME).await.status, 200);
    assert_eq!(
        server.log_in("owner@example.com", PASSWORD).await.status,
        401
    );
    assert_eq!(server.log_in("owner@example.com", new).await.status, 200);
    let named = mine
        .patch(ME, &json!({"name": "  Olga Berg "}))
        .await
        .data();
    assert_eq!(named["name"], "Olga Berg");
    assert_eq!(mine.patch(ME, &json!({"name": " "})).await.error().0, 400);
}

#[tokio::test]
async fn a_link_works_once_and_the_last_one_only() {
    let clock = Arc::new(FakeClock::default());
    let server = TestServer::builder().clock(clock.clone());
    let server = server.script([Reply::say("ok")]).start().await;
    let console = server.owner().await;
    let organization = server.key.record.organization_id;
    let email = model::Email::parse("owner@example.com").unwrap();
    let owner = server
        .sign_ins
        .ensure_owner(organization, email)
        .await
        .unwrap();
    let old = server.sign_ins.make_link(&owner).await.unwrap();
    let link = server.sign_ins.make_link(&owner).await.unwrap();
    let body = |token: &str| json!({"token": token, "password": "walnut-Kite-58-fog"});
    let path = "/api/v1/auth/setup";
    let gone = (404, "NOT_FOUND".to_owned());
    for token in [old.expose_token(), "", "nope", &"A".repeat(43)] {
        assert_eq!(post(&server.api, path, &body(token)).await.error(), gone);
    }
    let weak = json!({"token": link.expose_token(), "password": "short"});
    assert_eq!(post(&server.api, path, &weak).await.error().0, 400);
    let used = post(&server.api, path, &body(link.expose_token())).await;
    assert_eq!(used.data()["user"]["name"], "Olga");
    assert_eq!(console.get(ME).await.error(), unauthenticated());
    let again = post(&server.api, path, &body(link.expose_token())).await;
    assert_eq!(again.error(), gone);
    let late = server.sign_ins.make_link(&owner).await.unwrap();
    clock.advance_ms(24 * HOUR_MS);
    assert_eq!(
        post(&server.api, path, &body(late.expose_token()))
            .await
            .error(),
        gone
    );
}

#[tokio::test]
async fn people_run_tasks_in_the_project_they_name() {
    let server = TestServer::start(vec![Reply::say("hello"); 4]).await;
    let console = server.owner().await;
    let project = server.key.record.project_id.unwrap();
    let tasks = format!("/api/v1/tasks?projectId={project}");
    let needs = console.post("/api/v1/tasks", &message("hi")).await;
    assert_eq!(needs.error(), (400, "VALIDATION_ERROR".to_owned()));
    for unknown in ["nope", "00000000-0000-4000-8000-000000000000"] {
        let path = format!("/api/v1/tasks?projectId={unknown}");
        assert_eq!(console.get(&path).await.error().0, 404);
        assert_eq!(console.post(&path, &message("hi")).await.error().0, 404);
    }
    let id = console.post(&tasks, &message("hi")).await.data()["id"].clone();
    let id = id.as_str().unwrap().to_owned();
    server.api.finished(&id).await;
    let task = console.get(&format!("/api/v1/tasks/{id}")).await.data();
    assert_eq!(task["status"], "completed");
    let theirs = server.api.create(&message("by a key")).await;
    server.api.finished(&theirs).await;
    let listed = console.get(&tasks).await.json();
    assert_eq!(listed["pagination"]["total"], 2, "all of the project");
    let history = console
        .get(&format!("/api/v1/tasks/{theirs}/history"))
        .await;
    assert_eq!(history.status, 200);
    let more = format!("/api/v1/tasks/{theirs}/messages");
    assert_eq!(console.post(&more, &message("go on")).await.status, 200);
    server.api.finished(&theirs).await;
}

#[tokio::test]
async fn a_forgotten_password_is_answered_alike_and_reset_by_a_link() {
    let server = plain().await;
    let console = server.owner().await;
    let forgot = "/api/v1/auth/password/forgot";
    let known = post(&server.api, forgot, &json!({"email": "owner@example.com"})).await;
    let unknown = post(&server.api, forgot, &json!({"email": "nobody@example.com"})).await;
    assert_eq!((known.data(), known.text), (json!({}), unknown.text));
    assert_eq!(post(&server.api, forgot, &json!({})).await.error().0, 400);
    let owner = server.sign_ins.find("owner@example.com").await.unwrap();
    let link = server.sign_ins.make_link(&owner.unwrap()).await.unwrap();
    let reset = "/api/v1/auth/password/reset";
    let new = "walnut-Kite-58-fog";
    let body = json!({"token": link.expose_token(), "password": new});
    let done = post(&server.api, reset, &body).await;
    assert_eq!(done.data(), json!({}));
    assert!(!done.headers.contains_key("set-cookie"));
    assert_eq!(console.get(ME).await.error(), unauthenticated());
    assert_eq!(post(&server.api, reset, &body).await.error().0, 404);
    assert_eq!(server.log_in("owner@example.com", new).await.status, 200);
    let config = send(server.api.bare(Method::GET, "/api/v1/auth/config")).await;
    let expected = json!({"signupOpen": false, "oidc": [], "passwordReset": "operator"});
    assert_eq!(config.data(), expected);
}

/// The routes of people, and whether they are for those who have signed in.
const ROUTES: &[(Method, &str, bool)] = &[
    (Method::GET, "/api/v1/auth/config", false),
    (Method::GET, "/api/v1/auth/oidc/{provider}/start", false),
    (Method::GET, "/api/v1/auth/oidc/{provider}/callback", false),
    (Method::POST, "/api/v1/auth/password/forgot", false),
    (Method::POST, "/api/v1/auth/password/reset", false),
    (Method::POST, "/api/v1/auth/login", false),
    (Method::POST, "/api/v1/auth/login/mfa", false),
    (Method::POST, "/api/v1/auth/logout", true),
    (Method::POST, "/api/v1/auth/setup", false),
    (Method::POST, "/api/v1/auth/signup", false),
    (Method::POST, "/api/v1/auth/switch-organization", true),
    (Method::POST, "/api/v1/invites/accept", false),
    (Method::GET, "/api/v1/organizations", true),
    (Method::POST, "/api/v1/organizations", true),
    (Method::GET, "/api/v1/me", true),
    (Method::PATCH, "/api/v1/me", true),
    (Method::GET, "/api/v1/me/totp", true),
    (Method::POST, "/api/v1/me/totp", true),
    (Method::DELETE, "/api/v1/me/totp", true),
    (Method::POST, "/api/v1/me/totp/confirm", true),
    (Method::POST, "/api/v1/me/totp/recovery-codes", true),
    (Method::GET, "/api/v1/me/sessions", true),
    (Method::DELETE, "/api/v1/me/sessions/{id}", true),
];

#[tokio::test]
async fn routes_of_people_are_for_people() {
    let shop = Shop::of(plain().await).await;
    let server = &shop.server;
    let user = shop.user("u1").await;
    let (_, manager) = server.management_key().await;
    for (method, path, signed_in) in ROUTES {
        if path.ends_with("/config") {
            // Anybody gets it, whatever they show.
            assert_eq!(manager.get(path).await.data()["signupOpen"], false);
            continue;
        }
        if path.ends_with("/signup") {
            // Closed to everybody alike.
            assert_eq!(manager.post(path, &json!({})).await.error().0, 403);
            continue;
        }
        let bare = server.api.bare(method.clone(), path).json(&json!({}));
        let bare = send(bare).await.error().1;
        assert_eq!(
            bare == "AUTH_REQUIRED",
            *signed_in,
            "{method} {path}: {bare}"
        );
        for caller in [&server.api, &manager, &user] {
            let request = caller.request(method.clone(), path).json(&json!({}));
            let code = send(request).await.error().1;
            assert_eq!(code == "FORBIDDEN", *signed_in, "{method} {path}: {code}");
        }
        let stranger = server.api.with_key("hello");
        let request = stranger.request(method.clone(), path).json(&json!({}));
        let code = send(request).await.error().1;
        assert_eq!(
            code == "INVALID_AUTH_FORMAT",
            *signed_in,
            "{method} {path}: {code}"
        );
    }
}

#[test]
fn the_table_holds_every_route_of_people() {
    let document = serde_json::to_value(sigmic_http::openapi()).unwrap();
    let mut documented = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["tags"][0] == "people" {
                let cookie = operation["security"] == json!([{"cookie": []}]);
                documented.push(format!("{} {path} {cookie}", method.to_ascii_uppercase()));
            }
        }
    }
    let row =
        |(method, path, signed_in): &(Method, &str, bool)| format!("{method} {path} {signed_in}");
    let mut tried: Vec<String> = ROUTES.iter().map(row).collect();
    documented.sort();
    tried.sort();
    assert_eq!(tried, documented);
}
