//! What the cases are tried with: a key and a widget app of the test's own, taken away at the end.

use anyhow::{Context as _, Result, anyhow};
use client::{CutOff, Management, RunningTasks};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use wire::{CreateApiKeyRequest, CreatedApiKeyResponse, UpdateApiKeyRequest, WidgetAppRequest};

use super::probe::{Ask, Prober};

/// The page that may use the app's tokens.
pub(super) const ORIGIN: &str = "https://selftest.example";
/// How everything is called that is made here.
const NAME: &str = "selftest auth";

/// A deployment and what was made in it.
pub(super) struct Subject {
    pub(super) api: Management,
    pub(super) prober: Prober,
    pub(super) project: String,
    pub(super) app: App,
    keys: std::sync::Mutex<Vec<String>>,
}

/// A widget app.
#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) id: String,
    pub(super) app_id: String,
    pub(super) secret: String,
}

/// Whether the deployment gives tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tokens {
    Given,
    SwitchedOff,
}

impl Subject {
    pub(super) async fn make(api: Management, prober: Prober, project: String) -> Result<Self> {
        let request = WidgetAppRequest {
            name: Some(NAME.to_owned()),
            allowed_origins: Some(vec![ORIGIN.to_owned()]),
            ..WidgetAppRequest::default()
        };
        let made = api.create_app(&project, &request).await?;
        Ok(Self {
            api,
            prober,
            project,
            app: App {
                id: made.record.id,
                app_id: made.record.app_id,
                secret: made.app_secret,
            },
            keys: std::sync::Mutex::default(),
        })
    }

    /// A key that does all that a key for tasks may.
    pub(super) async fn key(&self) -> Result<CreatedApiKeyResponse> {
        self.key_with(None, None).await
    }

    /// A key with these scopes and networks.
    pub(super) async fn key_with(
        &self,
        scopes: Option<Vec<String>>,
        cidrs: Option<Vec<String>>,
    ) -> Result<CreatedApiKeyResponse> {
        let request = CreateApiKeyRequest {
            name: NAME.to_owned(),
            expires_at: None,
            class: None,
            scopes,
            cidrs,
            rate_limit: None,
        };
        let made = self.api.create_key(&self.project, &request).await?;
        self.made(made.record.id.clone());
        Ok(made)
    }

    /// Notes a key that has to go in the end.
    pub(super) fn made(&self, key: String) {
        let keys = self.keys.lock();
        keys.unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(key);
    }

    /// Lets a key work, or not.
    pub(super) async fn enable_key(&self, id: &str, enabled: Option<bool>) -> Result<()> {
        let request = UpdateApiKeyRequest {
            enabled,
            ..UpdateApiKeyRequest::default()
        };
        let changed = self.api.update_key(&self.project, id, &request).await;
        Ok(changed.map(drop)?)
    }

    /// Lets the app's tokens work, or not.
    pub(super) async fn enable_app(&self, enabled: Option<bool>) -> Result<()> {
        let request = WidgetAppRequest {
            enabled,
            ..WidgetAppRequest::default()
        };
        let changed = self.api.update_app(&self.project, &self.app.id, &request);
        Ok(changed.await.map(drop)?)
    }

    pub(super) async fn revoke_key(&self, id: &str) -> Result<()> {
        let (project, running) = (&self.project, RunningTasks::Continue);
        let cut = self.api.revoke_key(project, id, running).await;
        Ok(cut.map(drop)?)
    }

    pub(super) async fn cut_off(&self, end_user: &str, cut_off: CutOff) -> Result<()> {
        let (app, running) = (&self.app.id, RunningTasks::Continue);
        let api = &self.api;
        let cut = api.cut_off_end_user(&self.project, app, end_user, cut_off, running);
        Ok(cut.await.map(drop)?)
    }

    /// What an exchange sends that succeeds.
    pub(super) fn exchange(&self, end_user: &str) -> Value {
        json!({
            "appId": self.app.app_id,
            "appSecret": self.app.secret,
            "endUserId": end_user,
            "expiresIn": "10m",
        })
    }

    /// A token of an end user.
    pub(super) async fn token(&self, end_user: &str) -> Result<String> {
        let ask = Ask::to(Method::POST, "/api/v1/auth/token").json(self.exchange(end_user));
        let answer = self.prober.ask(&ask).await?;
        let body: Value = serde_json::from_str(&answer.text).context("read a token's answer")?;
        let token = body["token"].as_str().map(str::to_owned);
        token.ok_or_else(|| anyhow!("no token: {} {}", answer.status, answer.code()))
    }

    /// Whether tokens are given at all.
    pub(super) async fn tokens(&self) -> Result<Tokens> {
        let ask = Ask::to(Method::POST, "/api/v1/auth/token").json(self.exchange("probe"));
        let answer = self.prober.ask(&ask).await?;
        Ok(match answer.status {
            StatusCode::NOT_IMPLEMENTED => Tokens::SwitchedOff,
            _ => Tokens::Given,
        })
    }

    /// Takes everything away that was made.
    pub(super) async fn remove(self) -> Result<()> {
        let keys = self.keys.into_inner();
        let running = RunningTasks::Continue;
        for id in keys.unwrap_or_else(std::sync::PoisonError::into_inner) {
            match self.api.revoke_key(&self.project, &id, running).await {
                // A case has revoked it.
                Ok(_) | Err(client::Error::Api { status: 404, .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let deleted = self.api.delete_app(&self.project, &self.app.id, running);
        match deleted.await {
            Ok(_) | Err(client::Error::Api { status: 404, .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
