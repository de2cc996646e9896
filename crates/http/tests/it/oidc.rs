//! Signing in at another service: a real OpenID provider, its real pages, and who tries to cheat.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::{Answer, Backend, Console, OidcBrowser, OidcProvider, PASSWORD, Reply, TestServer};

const OWN: &str = "https://agents.example";
const FLOW: &str = "__Host-sigmic_oidc";

fn accounts() -> Value {
    let person = |email: &str, verified: bool, groups: Value| json!({"email": email, "email_verified": verified, "name": "Somebody There", "groups": groups});
    json!({
        "ops": person("ops@example.com", true, json!(["staff", "ops"])),
        "staff": person("Staff@Example.com", true, json!(["staff"])),
        "guest": person("guest@example.com", true, json!(["else"])),
        "owner": person("owner@example.com", true, json!("ops")),
        "unverified": person("u@example.com", false, json!(["ops"])),
        "elsewhere": person("e@example.org", true, json!(["ops"])),
        "twin": person("staff@example.com", true, json!(["ops"])),
    })
}

async fn at_on(backend: Backend) -> (OidcProvider, TestServer) {
    let provider = OidcProvider::start(accounts()).await;
    let server = TestServer::builder()
        .backend(backend)
        .script(vec![Reply::say("ok")])
        .own_origin(OWN)
        .oidc(provider.config());
    (provider, server.start().await)
}

async fn at() -> (OidcProvider, TestServer) {
    at_on(Backend::Sqlite).await
}

fn refused() -> (u16, String) {
    (401, "INVALID_CREDENTIALS".to_owned())
}

fn forbidden() -> (u16, String) {
    (403, "FORBIDDEN".to_owned())
}

fn unavailable() -> (u16, String) {
    (503, "SERVICE_UNAVAILABLE".to_owned())
}

async fn me(console: &Console) -> Value {
    console.get("/api/v1/me").await.data()
}

#[track_caller]
fn no_session(browser: &OidcBrowser, answer: &Answer) {
    assert!(!browser.cookies.contains_key("__Host-sigmic_session"));
    assert!(
        !browser.cookies.contains_key(FLOW),
        "what was begun is over"
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
}

/// With a changed value of a parameter.
fn with(url: &str, name: &str, value: &str) -> String {
    let url = Url::parse(url).unwrap();
    let mut changed = url.clone();
    let pairs = url.query_pairs().filter(|(key, _)| key != name);
    changed.query_pairs_mut().clear().extend_pairs(pairs);
    changed.query_pairs_mut().append_pair(name, value);
    changed.into()
}

async fn signs_in(backend: Backend) {
    let (_provider, server) = at_on(backend).await;
    let mut browser = OidcBrowser::before(&server);
    let config = browser.open("/api/v1/auth/config").await.data();
    let listed = json!([{"id": "corp", "name": "Work account"}]);
    assert_eq!(config["oidc"], listed);
    let there = browser.start().await;
    let asked: std::collections::HashMap<_, _> = Url::parse(&there)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect();
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(asked["response_type"], "code");
    let back = format!("{OWN}/api/v1/auth/oidc/corp/callback");
    assert_eq!(asked["redirect_uri"], back);
    let back = browser.log_in(&there, "ops").await;
    let answer = browser.come_back(&back).await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    assert_eq!(answer.headers["location"], format!("{OWN}/"));
    for set in answer.headers.get_all("set-cookie") {
        let set = set.to_str().unwrap();
        assert!(set.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{set}");
    }
    let first = browser.console(&server);
    let profile = me(&first).await;
    assert_eq!(profile["user"]["email"], "ops@example.com");
    assert_eq!(profile["user"]["name"], "Somebody There");
    assert_eq!(profile["organizations"][0]["role"], "admin");
    let again = browser.come_back(&back).await;
    assert_eq!(again.error(), refused(), "the flow is over");
    assert_eq!(browser.sign_in("ops").await.status, 302);
    let second = browser.console(&server);
    assert_ne!(first.cookie(), second.cookie());
    assert_eq!(me(&second).await["user"]["id"], profile["user"]["id"]);
}

#[tokio::test]
async fn somebody_new_signs_in_and_is_known_again() {
    signs_in(Backend::Sqlite).await;
}

#[tokio::test]
async fn somebody_new_signs_in_and_is_known_again_on_postgres() {
    signs_in(Backend::Postgres).await;
}

#[tokio::test]
async fn a_cookie_and_an_answer_of_two_flows_do_not_fit() {
    let (_provider, server) = at().await;
    let mut victim = OidcBrowser::before(&server);
    let there = victim.start().await;
    let back = victim.log_in(&there, "ops").await;
    let begun = victim.clone();
    for wrong in [
        with(&back, "state", "AAAA"),
        with(&back, "state", ""),
        with(&back, "iss", "https://evil.example"),
        with(&back, "code", "AAAA"),
        back.replace("iss=", "was="),
        back.replace(
            "code=",
            "error=access_denied&error_description=see+evil.example&was=",
        ),
    ] {
        let mut browser = begun.clone();
        let answer = browser.come_back(&wrong).await;
        assert_eq!(answer.error(), refused(), "{wrong}");
        assert!(!answer.text.contains("evil"), "{}", answer.text);
        no_session(&browser, &answer);
    }
    // The thief has the cookie and signs in as themselves; or has the answer, and no cookie.
    let mut thief = OidcBrowser::before(&server);
    let there = thief.start().await;
    let theirs = thief.log_in(&there, "staff").await;
    let own = thief
        .cookies
        .insert(FLOW.to_owned(), begun.cookies[FLOW].clone());
    assert_eq!(thief.come_back(&theirs).await.error(), refused());
    assert_eq!(thief.come_back(&back).await.error(), refused(), "no cookie");
    thief.cookies.insert(FLOW.to_owned(), own.unwrap());
    assert_eq!(thief.come_back(&back).await.error(), refused());
    assert_eq!(victim.come_back(&back).await.status, 302, "all the same");
    let mut replay = begun.clone();
    assert_eq!(
        replay.come_back(&back).await.error(),
        refused(),
        "a code works once"
    );
}

/// An ID token that the provider gives this client for a flow of its own.
async fn token_of(provider: &OidcProvider, browser: &OidcBrowser, client: &str) -> String {
    let origin = if client == "sigmic" {
        OWN
    } else {
        "https://other.example"
    };
    let back = format!("{origin}/api/v1/auth/oidc/corp/callback");
    let verifier = "v".repeat(43);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    let mut url = Url::parse(&format!("{}/auth", provider.issuer())).unwrap();
    url.query_pairs_mut().extend_pairs([
        ("client_id", client),
        ("redirect_uri", &back),
        ("response_type", "code"),
        ("scope", "openid email profile"),
        ("nonce", "foreign"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    let answer = browser.clone().log_in(url.as_str(), "ops").await;
    let answer = Url::parse(&answer).unwrap();
    let code = answer
        .query_pairs()
        .find(|(key, _)| key == "code")
        .unwrap()
        .1;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &back),
        ("code_verifier", &verifier),
        ("client_id", client),
        ("client_secret", &format!("secret of {client}")),
    ];
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = http
        .post(format!("{}/token", provider.issuer()))
        .form(&form);
    let tokens: Value = asked.send().await.unwrap().json().await.unwrap();
    tokens["id_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_id_token_that_is_not_for_this_flow_is_refused() {
    let (provider, server) = at().await;
    let fresh = OidcBrowser::before(&server);
    let own = token_of(&provider, &fresh, "sigmic").await;
    let other = token_of(&provider, &fresh, "other").await;
    let (signed, signature) = own.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let hmac = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
    let flipped = format!("{header}.{claims}.{}", signature.to_lowercase());
    for token in [
        own.clone(),
        other,
        flipped,
        format!("{none}.{claims}."),
        format!("{hmac}.{claims}.{signature}"),
    ] {
        let mut browser = fresh.clone();
        let there = browser.start().await;
        let back = browser.log_in(&there, "ops").await;
        provider.next_id_token(&token).await;
        let answer = browser.come_back(&back).await;
        let code = answer.error();
        assert!(
            code == refused() || code == unavailable(),
            "{token}: {code:?}"
        );
        no_session(&browser, &answer);
    }
    let mut browser = fresh.clone();
    assert_eq!(browser.sign_in("ops").await.status, 302);
}

#[tokio::test]
async fn who_is_not_vouched_for_or_has_no_place_is_refused() {
    let (_provider, server) = at().await;
    for (login, says) in [
        ("unverified", "not verified"),
        ("elsewhere", "this host"),
        ("guest", "Nobody here"),
    ] {
        let mut browser = OidcBrowser::before(&server);
        let answer = browser.sign_in(login).await;
        assert_eq!(answer.error(), forbidden(), "{login}");
        assert!(answer.text.contains(says), "{}", answer.text);
        no_session(&browser, &answer);
    }
    let mut staff = OidcBrowser::before(&server);
    assert_eq!(staff.sign_in("staff").await.status, 302);
    let profile = me(&staff.console(&server)).await;
    assert_eq!(profile["user"]["email"], "staff@example.com");
    assert_eq!(profile["organizations"][0]["role"], "member");
    // Somebody else has got the address since, in a higher group.
    let mut twin = OidcBrowser::before(&server);
    let answer = twin.sign_in("twin").await;
    assert_eq!(answer.error(), (409, "CONFLICT".to_owned()));
    no_session(&twin, &answer);
}

#[tokio::test]
async fn a_password_is_not_overruled_unless_its_owner_is_signed_in() {
    let (_provider, server) = at().await;
    let owner = server.owner().await;
    let mut browser = OidcBrowser::before(&server);
    let answer = browser.sign_in("owner").await;
    assert_eq!(answer.error(), (409, "CONFLICT".to_owned()));
    no_session(&browser, &answer);
    let (name, value) = owner.cookie().split_once('=').unwrap();
    let mut at_home = OidcBrowser::before(&server);
    at_home.cookies.insert(name.to_owned(), value.to_owned());
    assert_eq!(at_home.sign_in("owner").await.status, 302);
    assert_eq!(browser.sign_in("owner").await.status, 302, "linked by now");
    let profile = me(&browser.console(&server)).await;
    assert_eq!(profile["organizations"][0]["role"], "owner");
    let password = server.log_in("owner@example.com", PASSWORD).await;
    assert_eq!(password.status, 200, "the password still works");
    // Of somebody else, being signed in says nothing.
    let mut other = OidcBrowser::before(&server);
    other.cookies.insert(name.to_owned(), value.to_owned());
    assert_eq!(other.sign_in("staff").await.status, 302);
    let profile = me(&other.console(&server)).await;
    assert_eq!(profile["user"]["email"], "staff@example.com");
}

#[tokio::test]
async fn new_keys_are_taken_and_a_provider_that_is_down_is_told() {
    let (mut provider, server) = at().await;
    let mut browser = OidcBrowser::before(&server);
    assert_eq!(browser.sign_in("ops").await.status, 302);
    provider.restart().await;
    let mut after = OidcBrowser::before(&server);
    assert_eq!(after.sign_in("ops").await.status, 302, "other keys");
    let there = after.start().await;
    let back = after.log_in(&there, "ops").await;
    provider.stop();
    assert_eq!(after.come_back(&back).await.error(), unavailable());
    let (_provider, server) = {
        let (mut provider, server) = at().await;
        provider.stop();
        (provider, server)
    };
    let mut browser = OidcBrowser::before(&server);
    for _ in 0..2 {
        let answer = browser.open("/api/v1/auth/oidc/corp/start").await;
        assert_eq!(answer.error(), unavailable());
        assert!(!answer.text.contains("127.0.0.1"), "{}", answer.text);
    }
    let answer = browser.open("/api/v1/auth/oidc/none/start").await;
    assert_eq!(answer.error(), (404, "NOT_FOUND".to_owned()));
    let answer = browser.open("/api/v1/auth/oidc/none/callback").await;
    assert_eq!(answer.error(), (404, "NOT_FOUND".to_owned()));
}
