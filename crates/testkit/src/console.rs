//! A person's browser: a caller with a cookie.

use model::Email;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::api::{Answer, Api, send};
use crate::server::TestServer;

/// A password that everybody may have.
pub const PASSWORD: &str = "plum-Orbit-93-kelp";

/// See the module.
#[derive(Debug, Clone)]
pub struct Console {
    api: Api,
    /// `name=value`.
    cookie: String,
}

impl Console {
    /// A browser that holds a cookie.
    pub fn new(api: &Api, cookie: impl Into<String>) -> Self {
        Self {
            api: api.clone(),
            cookie: cookie.into(),
        }
    }

    /// A browser after an answer that set its cookie.
    ///
    /// # Panics
    /// When it set none.
    #[track_caller]
    pub fn after(api: &Api, answer: &Answer) -> Self {
        let set = answer.headers.get("set-cookie");
        let set = set.unwrap_or_else(|| panic!("no cookie: {} {}", answer.status, answer.text));
        let pair = set.to_str().expect("ASCII").split(';').next();
        Self::new(api, pair.expect("a pair"))
    }

    /// `name=value` of its cookie.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// A request as a page of the server itself sends it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.foreign(method, path)
            .header("sec-fetch-site", "same-origin")
    }

    /// A request that does not say where it comes from.
    pub fn foreign(&self, method: Method, path: &str) -> RequestBuilder {
        self.api.bare(method, path).header("cookie", &self.cookie)
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// `PATCH path` with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::PATCH, path).json(body)).await
    }

    /// `DELETE path`.
    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }
}

impl TestServer {
    /// What signing in with a password answers.
    pub async fn log_in(&self, email: &str, password: &str) -> Answer {
        let body = json!({"email": email, "password": password});
        let request = self.api.bare(Method::POST, "/api/v1/auth/login");
        send(request.json(&body)).await
    }

    /// The owner of the first organization, `owner@example.com` with [`PASSWORD`], signed in.
    ///
    /// # Panics
    /// When they cannot be made.
    pub async fn owner(&self) -> Console {
        let organization = self.key.record.organization_id;
        let email = Email::parse("owner@example.com").expect("an address");
        let owner = self.sign_ins.ensure_owner(organization, email).await;
        let link = self.sign_ins.make_link(&owner.expect("an owner")).await;
        let link = link.expect("a link");
        let body = json!({"token": link.expose_token(), "password": PASSWORD, "name": "Olga"});
        let request = self.api.bare(Method::POST, "/api/v1/auth/setup");
        Console::after(&self.api, &send(request.json(&body)).await)
    }
}
