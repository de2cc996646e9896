//! The HTTP connection: TLS, time-outs, no redirects.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{RequestBuilder, Response, Url, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wire::{Failure, Success};

use crate::{ApiKey, Error};

/// The largest answer that is read into memory.
const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;

/// Installs rustls' cryptography for the process, unless somebody has. With two of them in the
/// tree rustls cannot choose by itself and panics.
fn install_tls_provider() {
    // An error says that one is installed already, which is all we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A server's URL: http or https, and without credentials, which would be printed with it.
pub(crate) fn base_url(text: &str) -> Result<Url, Error> {
    Url::parse(text.trim())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or(Error::Invalid(
            "the base URL is not an http or https URL without credentials",
        ))
}

/// The HTTP client for the server at `base`; `silence_ms` counts from the first byte of a request
/// that is sent, so whoever sends much has none.
pub(crate) fn client(
    base: &Url,
    key: &ApiKey,
    connect_timeout_ms: u64,
    silence_ms: Option<u64>,
) -> Result<reqwest::Client, Error> {
    install_tls_provider();
    let text = zeroize::Zeroizing::new(format!("Bearer {}", key.expose_secret()));
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| Error::Invalid("the key holds characters that a header cannot carry"))?;
    value.set_sensitive(true);
    let mut builder = reqwest::Client::builder()
        .default_headers(HeaderMap::from_iter([(AUTHORIZATION, value)]))
        .user_agent(concat!("sigmic-client/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_millis(connect_timeout_ms))
        // A redirect would carry the key to where nobody configured it to go.
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .tcp_nodelay(true);
    if let Some(silence_ms) = silence_ms {
        builder = builder.read_timeout(Duration::from_millis(silence_ms));
    }
    if base.scheme() == "http" {
        // Works on a machine without certificates, and saves reading them.
        builder = builder.tls_certs_only([]);
    }
    if is_loopback(base) {
        // A proxy from the environment could not reach this machine's own servers.
        builder = builder.no_proxy();
    }
    builder.build().map_err(Error::Setup)
}

/// Whether a URL names this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    })
}

/// The URL of a path below `/api/v1`. Each segment is escaped, so that an id never names another
/// endpoint.
pub(crate) fn url_below(base: &Url, path: &[&str]) -> Result<Url, Error> {
    if path.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return Err(Error::Invalid("an id must not be empty or dots"));
    }
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| Error::Invalid("the base URL cannot carry a path"))?
        .pop_if_empty()
        .extend(["api", "v1"])
        .extend(path);
    Ok(url)
}

/// A call with a JSON body.
pub(crate) fn with_json(
    call: RequestBuilder,
    body: &impl Serialize,
) -> Result<RequestBuilder, Error> {
    let body = serde_json::to_vec(body)
        .map_err(|_| Error::Invalid("the request cannot be written as JSON"))?;
    Ok(call.header(CONTENT_TYPE, "application/json").body(body))
}

/// Sends a call; the `data` of its answer.
pub(crate) async fn data<T: DeserializeOwned>(
    attempted: &'static str,
    call: RequestBuilder,
) -> Result<T, Error> {
    let response = call.send().await.map_err(Error::transport(attempted))?;
    let success: Success<T> = answer(attempted, response).await?;
    Ok(success.data)
}

/// The body of a success.
pub(crate) async fn answer<T: DeserializeOwned>(
    attempted: &'static str,
    response: Response,
) -> Result<T, Error> {
    let response = success(attempted, response).await?;
    let body = body(attempted, response).await?;
    serde_json::from_slice(&body).map_err(|error| Error::Protocol(error.to_string()))
}

/// The response, if it is a success.
pub(crate) async fn success(
    attempted: &'static str,
    response: Response,
) -> Result<Response, Error> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let request_id = response
        .headers()
        .get("x-request-id")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = body(attempted, response).await?;
    let (code, message) = match serde_json::from_slice::<Failure>(&body) {
        Ok(failure) => (failure.error.code, failure.error.message),
        Err(_) => (
            "UNKNOWN".to_owned(),
            format!("the server answered {status}"),
        ),
    };
    Err(Error::Api {
        code,
        message,
        status: status.as_u16(),
        request_id,
    })
}

async fn body(attempted: &'static str, mut response: Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(Error::transport(attempted))?
    {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(Error::Protocol("an answer beyond 256 MiB".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_http_and_without_credentials() {
        for good in ["http://127.0.0.1:8080", " https://sigmic.example/ "] {
            assert!(base_url(good).is_ok(), "{good}");
        }
        for bad in ["", "a.example", "ftp://a/", "file:///etc", "http://u:p@a/"] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_with_a_line_break_is_refused() {
        let base = base_url("http://127.0.0.1:1").unwrap();
        let broken = client(&base, &ApiKey::new("a\r\nHost: b"), 1, Some(1));
        assert!(matches!(broken, Err(Error::Invalid(_))));
    }
}
