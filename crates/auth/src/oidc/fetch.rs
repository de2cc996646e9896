//! Calls to a sign-in service: TLS, time-outs, no redirects, answers of a bounded size. The
//! services are those that the operator has named, so they may be in a private network.

use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse, http};
use reqwest::{Client, redirect};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer at most. Key sets have a few KiB.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// No connection, no answer, or none in time.
    #[error("call the sign-in service")]
    Call(#[from] reqwest::Error),
    /// The answer is too large.
    #[error("the sign-in service answers more than {MAX_ANSWER_BYTES} bytes")]
    TooLarge,
    /// The answer cannot be taken over.
    #[error("read the answer of the sign-in service")]
    Form(#[from] http::Error),
}

/// Makes the calls to all services.
#[derive(Debug, Clone)]
pub(super) struct Fetcher(Client);

impl Fetcher {
    /// Makes it.
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        // With two kinds of cryptography in the tree rustls cannot choose by itself; an error says
        // that one is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("sigmic/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // A redirect would carry the client's secret to where nobody configured it to go.
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false);
        client.build().map(Self)
    }

    async fn fetch(&self, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        let request = reqwest::Request::try_from(request)?;
        let mut answer = self.0.execute(request).await?;
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await? {
            if body.len() + part.len() > MAX_ANSWER_BYTES {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&part);
        }
        let mut response = http::Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        Ok(response.body(body)?)
    }
}

impl<'c> AsyncHttpClient<'c> for Fetcher {
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.fetch(request))
    }
}
