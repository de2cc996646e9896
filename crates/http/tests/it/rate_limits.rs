//! How often somebody may ask, and who is not held up by whom.

use std::sync::Arc;

use auth::RateLimitsConfig;
use model::Rate;
use serde_json::json;
use testkit::{Answer, Api, Backend, FakeClock, PASSWORD, Reply, TestDatabase, TestServer, send};

use crate::widgets::Shop;

const TASKS: &str = "/api/v1/tasks";

fn rate(per_minute: i64) -> Option<Rate> {
    Some(Rate::per_minute(per_minute).unwrap())
}

/// A server with these limits whose time is moved by hand.
async fn limited(limits: RateLimitsConfig) -> (TestServer, Arc<FakeClock>) {
    let clock = Arc::new(FakeClock::default());
    let server = TestServer::builder()
        .clock(clock.clone())
        .script(vec![Reply::say("x"); 4])
        .trusted_proxy("127.0.0.1/32")
        .rate_limits(limits)
        .start();
    (server.await, clock)
}

/// How many of `count` requests are let in; the others must be 429.
async fn let_in(api: &Api, count: usize) -> usize {
    let mut good = 0;
    for _ in 0..count {
        let answer = api.get(TASKS).await;
        match answer.status {
            200 => good += 1,
            _ => assert_eq!(answer.error(), (429, "RATE_LIMITED".to_owned())),
        }
    }
    good
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers[name].to_str().unwrap()
}

/// Asks with this credential as if from this address.
async fn from(server: &TestServer, key: &str, address: &str) -> Answer {
    let request = server
        .api
        .with_key(key)
        .request(reqwest::Method::GET, TASKS);
    send(request.header("X-Forwarded-For", address)).await
}

#[tokio::test]
async fn a_key_may_ask_so_often_and_is_told_so() {
    let (server, clock) = limited(RateLimitsConfig {
        key: rate(6),
        ..RateLimitsConfig::default()
    })
    .await;
    let first = server.api.get(TASKS).await;
    assert_eq!(header(&first, "ratelimit-policy"), "\"key\";q=6;w=60");
    assert_eq!(header(&first, "ratelimit"), "\"key\";r=5;t=10");
    assert_eq!(let_in(&server.api, 7).await, 5);
    let refused = server.api.get(TASKS).await;
    assert_eq!(header(&refused, "retry-after"), "10");
    assert_eq!(header(&refused, "ratelimit"), "\"key\";r=0;t=60");
    // Another key has its own.
    let (_, other) = server.another_key("other").await;
    assert_eq!(let_in(&other, 1).await, 1);
    clock.advance_ms(9_999);
    assert_eq!(let_in(&server.api, 1).await, 0);
    clock.advance_ms(1);
    assert_eq!(let_in(&server.api, 2).await, 1);
}

#[tokio::test]
async fn a_key_has_the_limit_that_it_was_given() {
    let (server, clock) = limited(RateLimitsConfig {
        key: rate(100),
        ..RateLimitsConfig::default()
    })
    .await;
    let (_, manager) = server.management_key().await;
    let project = server.key.record.project_id.unwrap();
    let keys = format!("/api/v1/projects/{project}/api-keys");
    let body = json!({"name": "ci", "rateLimit": {"perMinute": 3}});
    let made = manager.post(&keys, &body).await.data();
    assert_eq!(made["rateLimit"], json!({"perMinute": 3}));
    let ci = server.api.with_key(made["key"].as_str().unwrap());
    assert_eq!(let_in(&ci, 5).await, 3);
    let path = format!("{keys}/{}", made["id"].as_str().unwrap());
    for (limit, shown) in [
        (json!({"perMinute": 8}), json!({"perMinute": 8})),
        (json!(null), json!(null)),
    ] {
        let body = json!({"rateLimit": limit});
        let changed = manager.patch(&path, &body).await.data();
        assert_eq!(changed["rateLimit"], shown);
    }
    // What was empty refills as fast as the new limit says.
    assert_eq!(let_in(&ci, 1).await, 0);
    clock.advance_ms(6_000);
    assert_eq!(let_in(&ci, 11).await, 10);
    for wrong in [json!(5), json!({}), json!({"perMinute": 0})] {
        let refused = manager.patch(&path, &json!({"rateLimit": wrong})).await;
        assert_eq!(refused.error(), (400, "VALIDATION_ERROR".to_owned()));
    }
    let rotated = manager.post(&format!("{path}/rotate"), &json!({})).await;
    assert_eq!(rotated.status, 200);
}

#[tokio::test]
async fn an_organization_and_an_end_user_have_theirs() {
    let (server, _) = limited(RateLimitsConfig {
        end_user: rate(3),
        organization: rate(20),
        ..RateLimitsConfig::default()
    })
    .await;
    let shop = Shop::of(server).await;
    let (ana, bob) = (shop.user("ana").await, shop.user("bob").await);
    assert_eq!(let_in(&ana, 5).await, 3);
    let answer = bob.get(TASKS).await;
    assert_eq!(header(&answer, "ratelimit-policy"), "\"endUser\";q=3;w=60");
    // What was refused to one was not taken from all.
    let (_, other) = shop.server.another_project("elsewhere").await;
    assert_eq!(let_in(&shop.server.api, 4).await, 4);
    assert_eq!(let_in(&other, 14).await, 12);
    let refused = other.get(TASKS).await;
    let policy = header(&refused, "ratelimit-policy");
    assert_eq!(policy, "\"organization\";q=20;w=60");
}

#[tokio::test]
async fn a_flood_of_bad_credentials_holds_up_nobody_else() {
    let (server, clock) = limited(RateLimitsConfig {
        failure: rate(5),
        ..RateLimitsConfig::default()
    })
    .await;
    let good = server.key.key.expose_key();
    let bad = format!("sigmic_{}", "a".repeat(64));
    let mut statuses = Vec::new();
    for key in [&bad, "hello", "eyJ.e.e", &bad, &bad, &bad, "hello"] {
        statuses.push(from(&server, key, "192.0.2.1").await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
    let refused = from(&server, &bad, "192.0.2.1").await;
    assert_eq!(header(&refused, "retry-after"), "12");
    assert_eq!(from(&server, good, "192.0.2.1").await.status, 200);
    assert_eq!(from(&server, &bad, "192.0.2.2").await.status, 401);
    // An IPv6 network of 64 bits is one source.
    for host in 1..=5 {
        let address = format!("2001:db8::{host}");
        assert_eq!(from(&server, &bad, &address).await.status, 401);
    }
    assert_eq!(from(&server, &bad, "2001:db8::9:9").await.status, 429);
    assert_eq!(from(&server, &bad, "2001:db8:0:1::1").await.status, 401);
    clock.advance_ms(12_000);
    assert_eq!(from(&server, &bad, "192.0.2.1").await.status, 401);
    // Nobody presented anything: nobody guesses.
    for _ in 0..10 {
        let bare = server.api.bare(reqwest::Method::GET, TASKS);
        assert_eq!(send(bare).await.status, 401);
    }
}

#[tokio::test]
async fn guesses_at_a_secret_hold_up_no_backend() {
    let (server, _) = limited(RateLimitsConfig {
        failure: rate(4),
        exchange: rate(3),
        ..RateLimitsConfig::default()
    })
    .await;
    let shop = Shop::of(server).await;
    let mut guess = shop.request("u1");
    guess["appSecret"] = json!("wrong");
    let mut statuses = Vec::new();
    for host in 1..=6 {
        // From ever another address, at the same app.
        let request = shop
            .server
            .api
            .bare(reqwest::Method::POST, "/api/v1/auth/token");
        let request = request.header("X-Forwarded-For", format!("192.0.2.{host}"));
        statuses.push(send(request.json(&guess)).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 429, 429]);
    for expected in [200, 200, 200, 429] {
        let answer = shop.exchange(&shop.request("u1")).await;
        assert_eq!(answer.status, expected, "{}", answer.text);
    }
}

#[tokio::test]
async fn servers_on_one_database_let_in_no_more_together() {
    let database = Arc::new(TestDatabase::create().await);
    let clock = Arc::new(FakeClock::default());
    let mut servers = Vec::new();
    for _ in 0..2 {
        let server = TestServer::builder()
            .backend(Backend::Postgres)
            .sharing(&database)
            .clock(clock.clone())
            .script([Reply::say("x")])
            .rate_limits(RateLimitsConfig {
                organization: rate(240),
                ..RateLimitsConfig::default()
            });
        servers.push(server.start().await);
    }
    // The last one made the key anew.
    let key = servers[1].key.key.expose_key();
    let apis = [0, 1].map(|at| servers[at].api.with_key(key));
    let mut good = 0;
    for round in 0..160 {
        good += let_in(&apis[round % 2], 1).await;
        good += let_in(&apis[0], 1).await;
    }
    assert!((228..=240).contains(&good), "{good}");
    // A minute later there is as much again, whatever lay unspent.
    clock.advance_ms(60_000);
    let mut again = 0;
    for _ in 0..150 {
        again += let_in(&apis[0], 1).await + let_in(&apis[1], 1).await;
    }
    assert!((228..=240).contains(&again), "{again}");
}

/// What a password or link that is given from this address is answered.
async fn guess(server: &TestServer, path: &str, body: &serde_json::Value, from: &str) -> Answer {
    let request = server.api.bare(reqwest::Method::POST, path).json(body);
    send(request.header("X-Forwarded-For", from)).await
}

#[tokio::test]
async fn wrong_passwords_and_links_of_an_address_are_not_looked_at_for_ever() {
    let (server, clock) = limited(RateLimitsConfig {
        sign_in: rate(6),
        ..RateLimitsConfig::default()
    })
    .await;
    server.owner().await;
    let login = "/api/v1/auth/login";
    let right = json!({"email": "owner@example.com", "password": PASSWORD});
    let wrong = json!({"email": "owner@example.com", "password": "wrong"});
    let link = json!({"token": "A".repeat(43), "password": PASSWORD});
    let guesses = [
        (login, &wrong, 401),
        ("/api/v1/auth/setup", &link, 404),
        ("/api/v1/auth/password/reset", &link, 404),
        ("/api/v1/invites/accept", &link, 404),
        (login, &json!({}), 401),
    ];
    for (path, body, status) in guesses {
        // Right ones in between, and what is no guess, count for nothing.
        assert_eq!(guess(&server, login, &right, "192.0.2.1").await.status, 200);
        let unread = guess(&server, path, &json!([]), "192.0.2.1").await;
        assert_eq!(unread.status, 400);
        let answer = guess(&server, path, body, "192.0.2.1").await;
        assert_eq!(answer.status, status, "{path}");
    }
    assert_eq!(guess(&server, login, &wrong, "192.0.2.1").await.status, 401);
    for (path, body, _) in guesses.iter().chain([&(login, &right, 429)]) {
        let answer = guess(&server, path, body, "192.0.2.1").await;
        assert_eq!(answer.error(), (429, "RATE_LIMITED".to_owned()), "{path}");
        assert_eq!(header(&answer, "retry-after"), "10");
        assert_eq!(header(&answer, "ratelimit-policy"), "\"signIn\";q=6;w=60");
    }
    assert_eq!(guess(&server, login, &right, "192.0.2.2").await.status, 200);
    clock.advance_ms(9_999);
    assert_eq!(guess(&server, login, &right, "192.0.2.1").await.status, 429);
    clock.advance_ms(1);
    assert_eq!(guess(&server, login, &right, "192.0.2.1").await.status, 200);
    assert_eq!(guess(&server, login, &wrong, "192.0.2.1").await.status, 401);
    assert_eq!(guess(&server, login, &right, "192.0.2.1").await.status, 429);
}

#[tokio::test]
async fn a_flood_of_sign_ins_waits_for_itself_alone() {
    let (server, _) = limited(RateLimitsConfig {
        sign_in: rate(3),
        ..RateLimitsConfig::default()
    })
    .await;
    let console = server.owner().await;
    let login = "/api/v1/auth/login";
    let wrong = json!({"email": "owner@example.com", "password": "wrong"});
    // An IPv6 network of 64 bits is one source; all of them ask at once.
    let flood = (1..=60).map(|host| {
        let (server, wrong) = (&server, &wrong);
        async move { guess(server, login, wrong, &format!("2001:db8::{host}")).await }
    });
    let right = json!({"email": "owner@example.com", "password": PASSWORD});
    let (flooded, other, api) = tokio::join!(
        futures_util::future::join_all(flood),
        guess(&server, login, &right, "192.0.2.9"),
        server.api.get(TASKS),
    );
    assert_eq!((other.status, api.status), (200, 200));
    let looked_at = flooded.iter().filter(|answer| answer.status == 401);
    assert_eq!(looked_at.count(), 3, "the others were refused unseen");
    // Who is signed in guesses at the present password no more often.
    let change = json!({"currentPassword": "wrong", "password": "walnut-Kite-58-fog"});
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(console.patch("/api/v1/me", &change).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 429]);
    let named = console.patch("/api/v1/me", &json!({"name": "Olga"})).await;
    assert_eq!(named.status, 200, "a name is no guess");
}
