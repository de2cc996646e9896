//! A browser that signs in at an [`OidcProvider`](crate::OidcProvider) and comes back.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response, Url, redirect};

use crate::api::{Answer, PATIENCE};
use crate::{Console, TestServer};

/// Pages between the first and the last at most.
const MAX_PAGES: usize = 12;

/// See the module.
#[derive(Debug, Clone)]
pub struct OidcBrowser {
    http: Client,
    server: String,
    /// Its cookies, those of the server and those of the provider.
    pub cookies: BTreeMap<String, String>,
}

impl OidcBrowser {
    /// A fresh one before a server.
    ///
    /// # Panics
    /// When no client can be made.
    pub fn before(server: &TestServer) -> Self {
        let http = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build();
        Self {
            http: http.expect("a client"),
            server: format!("http://{}", server.address),
            cookies: BTreeMap::new(),
        }
    }

    /// Begins a sign-in at the service `corp`; where the server sends it to.
    ///
    /// # Panics
    /// When it is sent nowhere.
    pub async fn start(&mut self) -> String {
        let answer = self.open("/api/v1/auth/oidc/corp/start").await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        let place = answer.headers[LOCATION].to_str();
        place.expect("ASCII").to_owned()
    }

    /// Signs in with the provider's own pages; where the provider sends it to in the end.
    ///
    /// # Panics
    /// When the provider shows something else.
    pub async fn log_in(&mut self, url: &str, login: &str) -> String {
        let first = Url::parse(url).expect("a URL");
        let mut request = self.http.get(first.clone());
        let mut here = first.clone();
        for _ in 0..MAX_PAGES {
            let response = self.send(request).await;
            if let Some(place) = response.headers().get(LOCATION) {
                let place = here.join(place.to_str().expect("ASCII"));
                here = place.expect("a URL");
                if here.origin() != first.origin() {
                    return here.into();
                }
                request = self.http.get(here.clone());
                continue;
            }
            let page = response.text().await.expect("a page");
            let form: &[(&str, &str)] = match page.contains("name=\"login\"") {
                true => &[("prompt", "login"), ("login", login), ("password", "any")],
                false => &[("prompt", "consent")],
            };
            assert!(page.contains("<form"), "no form: {page}");
            request = self.http.post(here.clone()).form(form);
        }
        panic!("the provider sends from page to page");
    }

    /// Comes back to the server with what the provider gave it.
    pub async fn come_back(&mut self, url: &str) -> Answer {
        let url = Url::parse(url).expect("a URL");
        let query = url.query().unwrap_or_default();
        self.open(&format!("{}?{query}", url.path())).await
    }

    /// Begins, signs in, comes back.
    pub async fn sign_in(&mut self, login: &str) -> Answer {
        let there = self.start().await;
        let back = self.log_in(&there, login).await;
        self.come_back(&back).await
    }

    /// What the cookie of its sign-in lets it do.
    ///
    /// # Panics
    /// When it has none.
    pub fn console(&self, server: &TestServer) -> Console {
        let name = "__Host-sigmic_session";
        let value = self.cookies.get(name).expect("a cookie");
        Console::new(&server.api, format!("{name}={value}"))
    }

    /// Opens a page of the server.
    pub async fn open(&mut self, path: &str) -> Answer {
        let request = self.http.get(format!("{}{path}", self.server));
        let response = self.send(request).await;
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.expect("a body"),
        }
    }

    async fn send(&mut self, request: RequestBuilder) -> Response {
        let pairs = self.cookies.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = request.header(COOKIE, pairs.join("; ")).timeout(PATIENCE);
        let response = request.send().await.expect("an answer");
        for set in response.headers().get_all(SET_COOKIE) {
            let text = set.to_str().expect("ASCII");
            let pair = text.split(';').next().and_then(|pair| pair.split_once('='));
            let (name, value) = pair.expect("a pair");
            match value {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        response
    }
}
