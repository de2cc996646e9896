//! The console's cookie: its form, what is taken for it, and from which pages it counts.

use reqwest::Method;
use serde_json::json;
use testkit::{Console, PASSWORD, Reply, TestServer, send};

const ME: &str = "/api/v1/me";

fn unauthenticated() -> (u16, String) {
    (401, "AUTH_REQUIRED".to_owned())
}

async fn plain() -> TestServer {
    TestServer::start(vec![Reply::say("ok"); 4]).await
}

#[tokio::test]
async fn a_cookie_has_its_attributes() {
    let server = plain().await;
    server.owner().await;
    let answer = server.log_in("owner@example.com", PASSWORD).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(pair.starts_with("sigmic_session="), "{cookie}");
    assert_eq!(
        attributes,
        "Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax"
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    let value = pair.split_once('=').unwrap().1;
    assert!(!answer.text.contains(value), "the body does not hold it");
}

#[tokio::test]
async fn behind_tls_the_cookie_is_bound_to_its_host() {
    let server = TestServer::builder().script([Reply::say("ok")]);
    let server = server.own_origin("https://agents.example").start().await;
    let console = server.owner().await;
    assert!(console.cookie().starts_with("__Host-sigmic_session="));
    assert_eq!(console.get(ME).await.status, 200);
    let answer = server.log_in("owner@example.com", PASSWORD).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Lax; Secure"),
        "{cookie}"
    );
    let plain = console.cookie().replace("__Host-", "");
    let tossed = Console::new(&server.api, plain);
    assert_eq!(tossed.get(ME).await.error(), unauthenticated());
}

#[tokio::test]
async fn a_page_of_another_site_signs_nobody_in() {
    let server = plain().await;
    server.owner().await;
    let body = json!({"email": "owner@example.com", "password": PASSWORD});
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = server.api.bare(Method::POST, "/api/v1/auth/login");
        let answer = send(request.json(&body).header(name, value)).await;
        assert_eq!(answer.error(), (403, "FORBIDDEN".to_owned()), "{value}");
    }
}

#[tokio::test]
async fn a_change_must_come_from_here() {
    let server = plain().await;
    let console = server.owner().await;
    let own = server.api.url("");
    let named = json!({"name": "Olga"});
    let forged = [
        vec![],
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
        vec![("sec-fetch-site", "none")],
        vec![("referer", own.as_str())],
    ];
    for headers in forged {
        for (method, path) in [
            (Method::PATCH, ME),
            (Method::POST, "/api/v1/auth/logout"),
            (Method::POST, "/api/v1/projects"),
            (Method::POST, "/api/v1/tasks"),
        ] {
            let mut request = console.foreign(method, path).json(&named);
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let answer = send(request).await;
            assert_eq!(
                answer.error(),
                (403, "FORBIDDEN".to_owned()),
                "{path} {headers:?}"
            );
        }
    }
    let allowed = console.foreign(Method::PATCH, ME).header("origin", own);
    assert_eq!(send(allowed.json(&named)).await.status, 200);
    let read = console.foreign(Method::GET, ME);
    assert_eq!(
        send(read.header("sec-fetch-site", "cross-site"))
            .await
            .status,
        200
    );
    // No page of another origin may read what the cookie shows.
    let read = console.foreign(Method::GET, ME);
    let answer = send(read.header("origin", "https://evil.example")).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_cookie_that_is_none_is_no_credential() {
    let server = plain().await;
    let console = server.owner().await;
    let pair = console.cookie();
    let value = pair.split_once('=').unwrap().1;
    for cookie in [
        String::new(),
        "sigmic_session=".to_owned(),
        format!("sigmic_session={}", "A".repeat(43)),
        format!("sigmic_session={value}A"),
        format!("sigmic_session={}", value.to_lowercase()),
        format!("SIGMIC_SESSION={value}"),
        format!("__Host-sigmic_session={value}"),
        format!("{pair}; sigmic_session={}", "A".repeat(43)),
        format!("sigmic_session={}", "x".repeat(5_000)),
        format!("sigmic_session={}", server.key.key.expose_key()),
    ] {
        let stranger = Console::new(&server.api, cookie.clone());
        for path in [ME, "/api/v1/tasks", "/api/v1/projects"] {
            assert_eq!(
                stranger.get(path).await.error(),
                unauthenticated(),
                "{cookie}"
            );
        }
    }
    let among = Console::new(&server.api, format!("theme=dark; {pair}; x"));
    assert_eq!(among.get(ME).await.status, 200);
}

#[tokio::test]
async fn beside_a_header_a_cookie_counts_for_nothing() {
    let server = plain().await;
    let console = server.owner().await;
    for (name, value, status) in [
        ("authorization", "Bearer".to_owned(), 401),
        ("authorization", String::new(), 401),
        ("authorization", "Basic eDp5".to_owned(), 401),
        ("x-api-key", String::new(), 401),
        ("x-api-key", format!("sigmic_{}", "a".repeat(64)), 401),
        ("x-api-key", server.key.key.expose_key().to_owned(), 403),
    ] {
        let request = console.request(Method::GET, ME).header(name, &value);
        assert_eq!(send(request).await.error().0, status, "{name}: {value}");
    }
    let bearer = console.cookie().split_once('=').unwrap().1;
    let request = server.api.bare(Method::GET, ME).bearer_auth(bearer);
    assert_eq!(
        send(request).await.error(),
        (401, "INVALID_AUTH_FORMAT".to_owned())
    );
}
