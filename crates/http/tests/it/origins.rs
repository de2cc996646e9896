//! Which pages may use a token, and what a browser is told.

use std::sync::Arc;

use reqwest::Method;
use serde_json::json;
use testkit::{Answer, Api, FakeClock, Reply, TestServer, send};

use crate::widgets::{PAGE, Shop, app};

/// Lists tasks from a page.
async fn from(api: &Api, origin: &str) -> Answer {
    send(
        api.request(Method::GET, "/api/v1/tasks")
            .header("origin", origin),
    )
    .await
}

fn readable_by(answer: &Answer) -> Option<String> {
    let value = answer.headers.get("access-control-allow-origin")?;
    Some(value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn contract_056_057_listed_pages_may_use_a_token() {
    let shop = Shop::new().await;
    let user = shop.user("u1").await;
    for origin in [PAGE, "https://SHOP.example", "https://shop.example:443"] {
        let answer = from(&user, origin).await;
        assert_eq!(answer.status, 200, "{origin}");
        assert_eq!(readable_by(&answer).as_deref(), Some(origin));
        assert_eq!(answer.headers["vary"], "Origin");
        let exposed = answer.headers["access-control-expose-headers"]
            .to_str()
            .unwrap();
        assert!(exposed.contains("X-Request-Id"));
        assert!(
            !answer
                .headers
                .contains_key("access-control-allow-credentials")
        );
    }
    for origin in [
        "https://evil.test",
        "http://shop.example",
        "https://shop.example:8443",
        "https://a.shop.example",
        "https://shop.example.evil.test",
        "https://evil.test/https://shop.example",
        "null",
        "",
        "https://shop.example, https://evil.test",
    ] {
        let answer = from(&user, origin).await;
        assert_eq!(
            answer.error(),
            (403, "ORIGIN_NOT_ALLOWED".to_owned()),
            "{origin}"
        );
        assert_eq!(readable_by(&answer), None, "{origin}");
    }
    let twice = user.request(Method::GET, "/api/v1/tasks");
    let twice = twice
        .header("origin", PAGE)
        .header("origin", "https://evil.test");
    assert_eq!(send(twice).await.error().1, "ORIGIN_NOT_ALLOWED");
}

#[tokio::test]
async fn contract_058_no_page_the_servers_own_and_an_empty_list() {
    let server = TestServer::builder()
        .script([Reply::say("x")])
        .own_origin("https://agents.example")
        .start()
        .await;
    let shop = Shop::of(server).await;
    let user = shop.user("u1").await;
    assert_eq!(user.get("/api/v1/tasks").await.status, 200, "no page");
    let empty = Shop {
        minted: app(&shop.server, &[]).await,
        server: shop.server,
    };
    let user = empty.user("u1").await;
    assert_eq!(from(&user, PAGE).await.error().1, "ORIGIN_NOT_ALLOWED");
    assert_eq!(user.get("/api/v1/tasks").await.status, 200);
    let own = from(&user, "https://agents.example").await;
    assert_eq!(own.status, 200);
    assert_eq!(readable_by(&own).as_deref(), Some("https://agents.example"));
}

#[tokio::test]
async fn contract_059_a_preflight_needs_no_credential() {
    let shop = Shop::new().await;
    for path in [
        "/api/v1/tasks",
        "/api/v1/tasks/x/stream",
        "/api/v1/tasks/x/tools/c/approve",
    ] {
        let request = shop.server.api.bare(Method::OPTIONS, path);
        let request = request
            .header("origin", "https://anywhere.test")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization");
        let answer = send(request).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
        assert_eq!(
            readable_by(&answer).as_deref(),
            Some("https://anywhere.test")
        );
        let methods = answer.headers["access-control-allow-methods"]
            .to_str()
            .unwrap();
        assert!(methods.contains("POST") && methods.contains("DELETE"));
        let headers = answer.headers["access-control-allow-headers"]
            .to_str()
            .unwrap();
        assert!(headers.contains("Authorization") && headers.contains("Last-Event-ID"));
        assert_eq!(answer.headers["access-control-max-age"], "600");
    }
    for path in ["/api/v1/auth/token", "/api/v1/nope", "/healthz"] {
        let request = shop.server.api.bare(Method::OPTIONS, path);
        let answer = send(request.header("origin", PAGE)).await;
        assert_ne!(answer.status, 204, "{path}");
        assert_eq!(readable_by(&answer), None, "{path}");
    }
}

#[tokio::test]
async fn contract_060_a_key_may_be_used_from_anywhere() {
    let shop = Shop::new().await;
    let answer = from(&shop.server.api, "https://evil.test").await;
    assert_eq!(answer.status, 200);
    assert_eq!(readable_by(&answer), None, "but no page may read it");
}

#[tokio::test]
async fn a_listed_page_reads_that_its_token_expired() {
    let clock = Arc::new(FakeClock::default());
    let server = TestServer::builder()
        .clock(clock.clone())
        .script([Reply::say("x")])
        .start()
        .await;
    let shop = Shop::of(server).await;
    let user = shop.user("u1").await;
    clock.advance_ms(3_600_000);
    let answer = from(&user, PAGE).await;
    assert_eq!(answer.error(), (401, "INVALID_TOKEN".to_owned()));
    assert_eq!(readable_by(&answer).as_deref(), Some(PAGE));
    let answer = from(&user, "https://evil.test").await;
    assert_eq!(answer.error(), (401, "INVALID_TOKEN".to_owned()));
    assert_eq!(readable_by(&answer), None);
    let forged = shop.server.api.with_key("eyJhbGciOiJub25lIn0.e30.");
    assert_eq!(readable_by(&from(&forged, PAGE).await), None);
}

#[tokio::test]
async fn an_exchange_is_for_no_page() {
    let shop = Shop::new().await;
    let request = shop.server.api.bare(Method::POST, "/api/v1/auth/token");
    let request = request.header("origin", PAGE).json(&shop.request("u1"));
    let answer = send(request).await;
    assert_eq!(answer.status, 200, "the check is the secret's");
    assert_eq!(readable_by(&answer), None);
    let wrong = shop.server.api.bare(Method::POST, "/api/v1/auth/token");
    let wrong = wrong.header("origin", PAGE).json(&json!({}));
    assert_eq!(readable_by(&send(wrong).await), None);
}
