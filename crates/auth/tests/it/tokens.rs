//! Exchanges, and the tokens that come of them.

use std::sync::Arc;

use auth::{
    AuthError, Authenticated, Credential, EndUserName, ExchangeError, PlainAppSecret,
    TokenExchange, TokenLifetime,
};
use model::{AppId, OsRandom, Principal, WidgetAppId};
use store::{
    NewWidgetApp, SessionsOf, TenantStatus, WidgetApp, WidgetAppPatch, WidgetAppScope,
    WidgetAppSecret,
};
use vault::Secret;

use crate::support::Fixture;
use model::Clock as _;

/// A widget app and its secret.
pub(crate) struct App {
    pub(crate) app: WidgetApp,
    pub(crate) secret: PlainAppSecret,
}

impl App {
    pub(crate) async fn new(fixture: &Fixture) -> Self {
        let secret = PlainAppSecret::mint(&OsRandom);
        let app = WidgetApp {
            id: WidgetAppId::generate(&OsRandom),
            organization_id: fixture.first.organization.id,
            project_id: fixture.first.project.id,
            app_id: AppId::generate(&OsRandom),
            name: "Help".to_owned(),
            allowed_origins: vec!["https://a.example".to_owned()],
            allow_null_origin: false,
            require_origin: false,
            status: TenantStatus::Active,
            theme: None,
            created_by: "ana".to_owned(),
            created_at: fixture.clock.now(),
        };
        let new = NewWidgetApp {
            app: app.clone(),
            secret: WidgetAppSecret {
                hash: fixture.hasher.hash_app_secret(&secret),
                created_at: fixture.clock.now(),
                expires_at: None,
            },
        };
        fixture
            .store
            .insert_widget_app(new, fixture.by())
            .await
            .unwrap();
        Self { app, secret }
    }

    pub(crate) fn scope(&self) -> WidgetAppScope {
        WidgetAppScope {
            organization_id: self.app.organization_id,
            project_id: self.app.project_id,
            id: self.app.id,
        }
    }

    /// A token for an end user.
    pub(crate) async fn token(&self, fixture: &Fixture, user: &str, lifetime: &str) -> String {
        let name = EndUserName::parse(user).unwrap();
        let secret = self.secret.expose_app_secret();
        let begun = fixture
            .exchange
            .begin(self.app.app_id.as_str(), secret, &name);
        let lifetime = TokenLifetime::parse(lifetime).unwrap();
        let issued = fixture
            .exchange
            .issue(begun.await.unwrap(), lifetime, None)
            .await;
        issued.unwrap().token.expose_secret().to_owned()
    }
}

/// Presents a token.
pub(crate) async fn present(fixture: &Fixture, token: &str) -> Result<Authenticated, AuthError> {
    let credential = Credential::Token(Secret::new(token.to_owned()));
    fixture.authenticator.authenticate(&credential, None).await
}

fn is_invalid(result: &Result<Authenticated, AuthError>) -> bool {
    matches!(result, Err(AuthError::InvalidToken(_)))
}

#[tokio::test]
async fn a_token_says_who_has_it() {
    let fixture = Fixture::new().await;
    let app = App::new(&fixture).await;
    let token = app.token(&fixture, "u1", "1h").await;
    assert!(token.starts_with("eyJ"));
    let checked = present(&fixture, &token).await.unwrap();
    let Principal::EndUser(user) = &checked.principal else {
        panic!("an end user")
    };
    assert_eq!(user.name, "u1");
    assert_eq!(user.app_id, app.app.id);
    assert_eq!(user.project_id, app.app.project_id);
    assert_eq!(user.organization_id, app.app.organization_id);
    assert_eq!(
        checked.valid_until,
        Some(fixture.clock.now().plus_millis(3_600_000))
    );
    assert_eq!(checked.origins.unwrap().allowed.len(), 1);
    // The same person next time, somebody else under another name.
    let again = present(&fixture, &app.token(&fixture, " u1 ", "1h").await).await;
    let other = present(&fixture, &app.token(&fixture, "u2", "1h").await).await;
    let id = |checked: Result<Authenticated, AuthError>| match checked.unwrap().principal {
        Principal::EndUser(user) => user.end_user_id,
        Principal::ApiKey(_) | Principal::Console(_) => panic!("an end user"),
    };
    assert_eq!(id(again), user.end_user_id);
    assert_ne!(id(other), user.end_user_id);
}

#[tokio::test]
async fn contract_025_a_token_ends_at_its_moment() {
    let fixture = Fixture::new().await;
    let app = App::new(&fixture).await;
    let token = app.token(&fixture, "u1", "60s").await;
    fixture.clock.set(1_000 + 59_999);
    assert!(present(&fixture, &token).await.is_ok());
    fixture.clock.set(1_000 + 60_000);
    let refused = present(&fixture, &token).await;
    // Its page may read the refusal.
    assert!(
        matches!(&refused, Err(AuthError::InvalidToken(Some(rules))) if rules.allowed.len() == 1)
    );
}

#[tokio::test]
async fn contract_027_what_a_token_depends_on_is_read_each_time() {
    let fixture = Fixture::new().await;
    let app = App::new(&fixture).await;
    let token = app.token(&fixture, "u1", "1h").await;
    let set = |status| {
        let patch = WidgetAppPatch {
            status: Some(status),
            ..WidgetAppPatch::default()
        };
        fixture
            .store
            .update_widget_app(app.scope(), patch, fixture.by())
    };
    set(TenantStatus::Disabled).await.unwrap();
    assert!(is_invalid(&present(&fixture, &token).await));
    set(TenantStatus::Active).await.unwrap();
    assert!(present(&fixture, &token).await.is_ok());
    let other = app.token(&fixture, "u2", "1h").await;
    let of = SessionsOf::EndUser("u1".to_owned());
    let cut = fixture
        .store
        .revoke_widget_sessions(app.scope(), of, fixture.by());
    assert_eq!(cut.await.unwrap().1, 1);
    assert!(is_invalid(&present(&fixture, &token).await));
    assert!(present(&fixture, &other).await.is_ok());
    assert!(
        present(&fixture, &app.token(&fixture, "u1", "1h").await)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn wrong_app_credentials_are_one_answer() {
    let fixture = Fixture::new().await;
    let (app, other) = (App::new(&fixture).await, App::new(&fixture).await);
    let (id, secret) = (app.app.app_id.as_str(), app.secret.expose_app_secret());
    let unknown = AppId::generate(&OsRandom);
    let name = EndUserName::parse("u1").unwrap();
    for (id, secret) in [
        (unknown.as_str(), secret),
        (id, other.secret.expose_app_secret()),
        (other.app.app_id.as_str(), secret),
        (id, ""),
        ("", secret),
        (id, "sas_"),
        (id, &secret[..67]),
        (id, &secret.to_uppercase()),
        (&id.to_uppercase(), secret),
        (&format!("{id} "), secret),
        (id, &format!("{secret} ")),
        ("' OR 1=1 --", secret),
        (id, "' OR 1=1 --"),
        ("app_\u{0}", secret),
    ] {
        let refused = fixture.exchange.begin(id, secret, &name).await;
        assert!(
            matches!(refused, Err(ExchangeError::InvalidCredentials)),
            "{id} {secret}"
        );
    }
    assert!(fixture.exchange.begin(id, secret, &name).await.is_ok());
}

#[tokio::test]
async fn two_secrets_live_until_the_old_one_ends() {
    let fixture = Fixture::new().await;
    let app = App::new(&fixture).await;
    let name = EndUserName::parse("u1").unwrap();
    let new = PlainAppSecret::mint(&OsRandom);
    let now = fixture.clock.now();
    let kept = WidgetAppSecret {
        hash: fixture.hasher.hash_app_secret(&new),
        created_at: now,
        expires_at: None,
    };
    let until = now.plus_millis(5_000);
    let rotated = fixture
        .store
        .rotate_widget_app_secret(app.scope(), kept, until, fixture.by());
    rotated.await.unwrap();
    let begin = |secret: &PlainAppSecret| {
        let secret = secret.expose_app_secret().to_owned();
        let (exchange, id) = (&fixture.exchange, app.app.app_id.as_str().to_owned());
        let name = name.clone();
        async move { exchange.begin(&id, &secret, &name).await.is_ok() }
    };
    assert!(begin(&app.secret).await && begin(&new).await);
    fixture.clock.set(6_000);
    assert!(!begin(&app.secret).await && begin(&new).await);
}

#[tokio::test]
async fn a_blocked_end_user_gets_no_token() {
    let fixture = Fixture::new().await;
    let app = App::new(&fixture).await;
    let name = EndUserName::parse("mal").unwrap();
    let (id, secret) = (app.app.app_id.as_str(), app.secret.expose_app_secret());
    let begun = fixture.exchange.begin(id, secret, &name).await.unwrap();
    let blocked = fixture.store.set_end_user_status(
        app.scope(),
        "mal".to_owned(),
        store::EndUserStatus::Blocked,
        model::EndUserId::generate(&OsRandom),
        fixture.by(),
    );
    blocked.await.unwrap();
    let refused = fixture.exchange.begin(id, secret, &name).await;
    assert!(matches!(refused, Err(ExchangeError::Blocked)));
    // An exchange that had begun does not slip through.
    let lifetime = TokenLifetime::default();
    let refused = fixture.exchange.issue(begun, lifetime, None).await;
    assert!(matches!(refused, Err(ExchangeError::Blocked)));
}

#[tokio::test]
async fn without_keys_nothing_is_exchanged() {
    let fixture = Fixture::new().await;
    let app = App::new(&fixture).await;
    let exchange = TokenExchange::new(
        fixture.store.clone(),
        fixture.hasher.clone(),
        None,
        fixture.clock.clone(),
        Arc::new(OsRandom),
    );
    let name = EndUserName::parse("u1").unwrap();
    let (id, secret) = (app.app.app_id.as_str(), app.secret.expose_app_secret());
    let refused = exchange.begin(id, secret, &name).await;
    assert!(matches!(refused, Err(ExchangeError::NotConfigured)));
    let refused = exchange.begin("", "", &name).await;
    assert!(matches!(refused, Err(ExchangeError::NotConfigured)));
}
