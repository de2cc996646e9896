//! The second factor: set up, asked for, used up, and taken away.

use std::sync::Arc;

use model::{Caller, Clock as _};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Backend, Console, FakeClock, PASSWORD, Reply, TestServer, send};
use totp_rs::Totp;

const TOTP: &str = "/api/v1/me/totp";
const STEP_MS: i64 = 30_000;

/// A server, its time, and the device of its owner.
struct Guarded {
    server: TestServer,
    clock: Arc<FakeClock>,
    console: Console,
    device: Totp,
    codes: Vec<String>,
}

impl Guarded {
    /// The owner has a second factor.
    async fn on(backend: Backend) -> Self {
        let clock = Arc::new(FakeClock::default());
        let server = TestServer::builder().backend(backend).clock(clock.clone());
        let server = server.script([Reply::say("ok")]).start().await;
        let before = server.owner().await;
        let begun = before.post(TOTP, &json!({})).await;
        assert_eq!(begun.headers["cache-control"], "no-store");
        let url = begun.data()["otpauthUrl"].as_str().unwrap().to_owned();
        assert!(
            url.starts_with("otpauth://totp/Sigmic:owner%40example.com?"),
            "{url}"
        );
        let device = Totp::from_url(&url).unwrap();
        // Not confirmed, it is not asked for.
        let plain = server.log_in("owner@example.com", PASSWORD).await;
        assert!(plain.headers.contains_key("set-cookie"));
        let confirm = format!("{TOTP}/confirm");
        let wrong = before.post(&confirm, &json!({"code": "12"})).await;
        assert_eq!(wrong.error().0, 401);
        let code = code_at(&device, &clock, 0);
        let confirmed = before.post(&confirm, &json!({"code": code})).await;
        let codes = texts(&confirmed.data()["recoveryCodes"]);
        let console = Console::after(&server.api, &confirmed);
        assert_ne!(console.cookie(), before.cookie());
        assert_eq!(
            before.get(TOTP).await.status,
            401,
            "another value from now on"
        );
        Self {
            server,
            clock,
            console,
            device,
            codes,
        }
    }

    fn code(&self) -> String {
        code_at(&self.device, &self.clock, 0)
    }

    /// A half sign-in's token.
    async fn half(&self) -> String {
        let half = self.server.log_in("owner@example.com", PASSWORD).await;
        assert!(!half.headers.contains_key("set-cookie"));
        let data = half.data();
        assert_eq!(data["mfaRequired"], true);
        data["mfaToken"].as_str().unwrap().to_owned()
    }

    async fn give(&self, token: &str, code: &str) -> Answer {
        let request = self.server.api.bare(Method::POST, "/api/v1/auth/login/mfa");
        send(request.json(&json!({"mfaToken": token, "code": code}))).await
    }

    /// What giving this code after the password is answered.
    async fn with_code(&self, code: &str) -> u16 {
        self.give(&self.half().await, code).await.status
    }

    async fn state(&self) -> Value {
        self.console.get(TOTP).await.data()
    }
}

fn code_at(device: &Totp, clock: &FakeClock, later_ms: i64) -> String {
    let seconds = (clock.now().as_millis() + later_ms) / 1_000;
    device.generate(u64::try_from(seconds).unwrap()).to_string()
}

fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().unwrap().iter();
    texts
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

async fn is_asked_for(backend: Backend) {
    let guarded = Guarded::on(backend).await;
    assert_eq!(guarded.codes.len(), 10);
    let confirming = guarded.code();
    assert_eq!(
        guarded.with_code(&confirming).await,
        401,
        "it was used to confirm"
    );
    guarded.clock.advance_ms(2 * STEP_MS);
    let half = guarded.half().await;
    let stranger = Console::new(&guarded.server.api, format!("sigmic_session={half}"));
    assert_eq!(stranger.get("/api/v1/me").await.status, 401);
    assert_eq!(guarded.give(&half, "000").await.status, 401);
    let code = guarded.code();
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let whole = guarded.give(&half, &spaced).await;
    assert_eq!(whole.data()["user"]["name"], "Olga");
    let console = Console::after(&guarded.server.api, &whole);
    assert_eq!(console.get("/api/v1/me").await.status, 200);
    // Neither the token nor the code works again, nor an older code.
    assert_eq!(guarded.give(&half, &code).await.status, 401);
    assert_eq!(guarded.with_code(&code).await, 401);
    let older = code_at(&guarded.device, &guarded.clock, -STEP_MS);
    assert_eq!(guarded.with_code(&older).await, 401);
    // A recovery code does, once, however it is written.
    let upper = guarded.codes[0].to_uppercase();
    assert_eq!(guarded.with_code(&upper).await, 200);
    assert_eq!(guarded.with_code(&guarded.codes[0]).await, 401);
    assert_eq!(
        guarded.state().await,
        json!({"enabled": true, "recoveryCodesLeft": 9})
    );
    // A half sign-in ends after five minutes, and with a later one.
    let first = guarded.half().await;
    let second = guarded.half().await;
    assert_eq!(guarded.give(&first, &guarded.codes[1]).await.status, 401);
    guarded.clock.advance_ms(5 * 60 * 1_000);
    assert_eq!(guarded.give(&second, &guarded.code()).await.status, 401);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_on_sqlite() {
    is_asked_for(Backend::Sqlite).await;
}

#[tokio::test]
async fn a_second_factor_is_asked_for_on_postgres() {
    is_asked_for(Backend::Postgres).await;
}

#[tokio::test]
async fn a_code_works_once_of_two_at_the_same_time() {
    let guarded = Guarded::on(Backend::Sqlite).await;
    guarded.clock.advance_ms(2 * STEP_MS);
    let (half, code) = (guarded.half().await, guarded.code());
    let both = tokio::join!(guarded.give(&half, &code), guarded.give(&half, &code));
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

#[tokio::test]
async fn ten_wrong_codes_lock_every_code_for_an_hour() {
    let guarded = Guarded::on(Backend::Sqlite).await;
    for _ in 0..10 {
        assert_eq!(guarded.with_code("nope").await, 401);
    }
    guarded.clock.advance_ms(2 * STEP_MS);
    assert_eq!(guarded.with_code(&guarded.code()).await, 401);
    assert_eq!(guarded.with_code(&guarded.codes[0]).await, 401);
    guarded.clock.advance_ms(60 * 60 * 1_000);
    assert_eq!(guarded.with_code(&guarded.codes[0]).await, 200);
    assert_eq!(guarded.with_code(&guarded.code()).await, 200);
}

#[tokio::test]
async fn a_link_for_a_password_does_not_stand_in_for_the_device() {
    let guarded = Guarded::on(Backend::Sqlite).await;
    let sign_ins = &guarded.server.sign_ins;
    let owner = sign_ins.find("owner@example.com").await.unwrap().unwrap();
    let link = sign_ins.make_link(&owner).await.unwrap();
    let body = json!({"token": link.expose_token(), "password": "walnut-Kite-58-fog"});
    let request = guarded.server.api.bare(Method::POST, "/api/v1/auth/setup");
    let half = send(request.json(&body)).await;
    assert!(!half.headers.contains_key("set-cookie"));
    let token = half.data()["mfaToken"].as_str().unwrap().to_owned();
    assert_eq!(guarded.give(&token, &guarded.codes[3]).await.status, 200);
}

#[tokio::test]
async fn what_takes_a_second_factor_away_needs_the_password() {
    let guarded = Guarded::on(Backend::Sqlite).await;
    let console = &guarded.console;
    assert_eq!(console.post(TOTP, &json!({})).await.error().0, 409);
    let confirm = format!("{TOTP}/confirm");
    let again = console
        .post(&confirm, &json!({"code": guarded.code()}))
        .await;
    assert_eq!(again.error().0, 409);
    let renew = format!("{TOTP}/recovery-codes");
    let (right, wrong) = (json!({"password": PASSWORD}), json!({"password": "wrong"}));
    assert_eq!(console.post(&renew, &wrong).await.error().0, 401);
    let renewed = texts(&console.post(&renew, &right).await.data()["recoveryCodes"]);
    assert_eq!(guarded.with_code(&guarded.codes[0]).await, 401);
    assert_eq!(guarded.with_code(&renewed[0]).await, 200);
    let remove = |body: &Value| send(console.request(Method::DELETE, TOTP).json(body));
    assert_eq!(remove(&wrong).await.error().0, 401);
    assert_eq!(guarded.state().await["enabled"], true);
    assert_eq!(remove(&right).await.data(), json!({}));
    assert_eq!(
        guarded.state().await,
        json!({"enabled": false, "recoveryCodesLeft": 0})
    );
    assert_eq!(remove(&right).await.error().0, 404);
    assert_eq!(console.post(&renew, &right).await.error().0, 404);
    assert_eq!(
        console
            .post(&confirm, &json!({"code": "123456"}))
            .await
            .error()
            .0,
        404
    );
    let plain = guarded.server.log_in("owner@example.com", PASSWORD).await;
    assert!(plain.headers.contains_key("set-cookie"));
    let organization = guarded.server.key.record.organization_id;
    let log = format!("/api/v1/organizations/{organization}/audit-log?limit=100");
    let log = console.get(&log).await.text;
    for action in [
        "secondFactor.create",
        "recoveryCodes.update",
        "secondFactor.remove",
    ] {
        assert!(log.contains(action), "{action}");
    }
    assert!(!log.contains(&renewed[1]) && !log.contains("otpauth"));
}

#[tokio::test]
async fn the_operator_lets_somebody_in_who_lost_the_device() {
    let guarded = Guarded::on(Backend::Sqlite).await;
    let half = guarded.half().await;
    let sign_ins = guarded.server.sign_ins.by(Caller::OPERATOR);
    let owner = sign_ins.find("owner@example.com").await.unwrap().unwrap();
    sign_ins.reset_second_factor(&owner).await.unwrap();
    assert_eq!(guarded.give(&half, &guarded.codes[0]).await.status, 401);
    let plain = guarded.server.log_in("owner@example.com", PASSWORD).await;
    assert!(plain.headers.contains_key("set-cookie"));
    let again = sign_ins.reset_second_factor(&owner).await;
    assert!(
        matches!(again, Err(auth::SignInError::NotFound(_))),
        "{again:?}"
    );
}
