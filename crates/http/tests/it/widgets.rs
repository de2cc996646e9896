//! What the modules about widget apps share.

use serde_json::{Value, json};
use tenancy::{MintedApp, NewWidget};
use testkit::{Answer, Api, Reply, TestServer, send};

/// The page that the app is embedded in.
pub(crate) const PAGE: &str = "https://shop.example";

/// A server with an app.
pub(crate) struct Shop {
    pub(crate) server: TestServer,
    pub(crate) minted: MintedApp,
}

impl Shop {
    pub(crate) async fn new() -> Self {
        Self::of(TestServer::start(vec![Reply::say("ok"); 8]).await).await
    }

    pub(crate) async fn of(server: TestServer) -> Self {
        let minted = app(&server, &[PAGE]).await;
        Self { server, minted }
    }

    /// What a backend sends for an end user.
    pub(crate) fn request(&self, user: &str) -> Value {
        json!({
            "appId": self.minted.app.app_id.as_str(),
            "appSecret": self.minted.secret.expose_app_secret(),
            "endUserId": user,
        })
    }

    /// Exchanges what a backend sends.
    pub(crate) async fn exchange(&self, body: &Value) -> Answer {
        let request = self
            .server
            .api
            .bare(reqwest::Method::POST, "/api/v1/auth/token");
        send(request.json(body)).await
    }

    /// A token of an end user.
    pub(crate) async fn token(&self, user: &str) -> String {
        let data = self.exchange(&self.request(user)).await.data();
        data["token"].as_str().unwrap().to_owned()
    }

    /// An end user as a caller.
    pub(crate) async fn user(&self, user: &str) -> Api {
        self.server.api.with_key(&self.token(user).await)
    }
}

/// A further app of the server's project.
pub(crate) async fn app(server: &TestServer, origins: &[&str]) -> MintedApp {
    let record = &server.key.record;
    let new = NewWidget {
        name: "Shop".to_owned(),
        allowed_origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
        ..NewWidget::default()
    };
    let made = server.widgets.create(
        record.organization_id,
        record.project_id.unwrap(),
        new,
        "ana",
    );
    made.await.unwrap()
}

/// The claims of a token.
pub(crate) fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    serde_json::from_slice(&engine.decode(payload).unwrap()).unwrap()
}
