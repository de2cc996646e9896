//! The HTTP client of a provider: TLS, time-outs, no redirects.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url, redirect};

use crate::{ApiKey, HttpConfig, ModelsError};

/// Installs rustls' cryptography for the process, unless somebody has. With two of them in the
/// tree rustls cannot choose by itself and panics.
fn install_tls_provider() {
    // An error says that one is installed already, which is all we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A provider's base URL: http or https, and without credentials, which belong into its key and
/// would otherwise be printed with the URL.
pub(crate) fn base_url(provider: &'static str, text: &str) -> Result<Url, ModelsError> {
    Url::parse(text.trim())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or(ModelsError::BaseUrl { provider })
}

/// The base URL with the version of the provider's API, unless it ends in one already: some write
/// it as a part of the base URL, some do not.
pub(crate) fn endpoint(
    provider: &'static str,
    base: &Url,
    version: &str,
) -> Result<Url, ModelsError> {
    let mut url = base.clone();
    let mut segments = base.path_segments().into_iter().flatten().rev();
    let last = segments.find(|segment| !segment.is_empty());
    let has_version = last
        .and_then(|segment| segment.strip_prefix('v'))
        .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    let mut path = url
        .path_segments_mut()
        .map_err(|()| ModelsError::BaseUrl { provider })?;
    path.pop_if_empty();
    if !has_version {
        path.push(version);
    }
    drop(path);
    Ok(url)
}

/// The header that carries `key` as a bearer token; it is not printed.
pub(crate) fn bearer(provider: &'static str, key: &ApiKey) -> Result<HeaderMap, ModelsError> {
    let text = zeroize::Zeroizing::new(format!("Bearer {}", key.expose_secret()));
    secret_header(provider, AUTHORIZATION, &text)
}

/// The header `name` with a value that is not printed.
pub(crate) fn secret_header(
    provider: &'static str,
    name: HeaderName,
    value: &str,
) -> Result<HeaderMap, ModelsError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| ModelsError::Key { provider })?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(name, value)]))
}

/// A client for the provider at `base`.
pub(crate) fn client(
    provider: &'static str,
    base: &Url,
    limits: HttpConfig,
    headers: HeaderMap,
) -> Result<Client, ModelsError> {
    install_tls_provider();
    let mut builder = Client::builder()
        .default_headers(headers)
        .user_agent(concat!("sigmic/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_millis(limits.connect_timeout_ms))
        // A redirect would carry the conversation to where nobody configured it to go.
        .redirect(redirect::Policy::none())
        // Retries are the caller's, who tells the user about them.
        .retry(reqwest::retry::never())
        .referer(false)
        .tcp_nodelay(true);
    if base.scheme() == "http" {
        // Works on a machine without certificates, and saves reading them.
        builder = builder.tls_certs_only([]);
    }
    if is_loopback(base) {
        // A proxy from the environment could not reach this machine's own servers.
        builder = builder.no_proxy();
    }
    builder
        .build()
        .map_err(|source| ModelsError::Client { provider, source })
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_http_and_without_credentials() {
        for good in ["http://127.0.0.1:8000/v1", " https://a.example/v1/ "] {
            assert!(base_url("x", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a.example/v1",
            "ftp://a/",
            "file:///etc",
            "https://u:p@a.example/v1",
        ] {
            assert!(base_url("x", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_version_is_added_once() {
        for (base, expected) in [
            ("https://a.example", "https://a.example/v1"),
            ("https://a.example/", "https://a.example/v1"),
            ("https://a.example/v1/", "https://a.example/v1"),
            ("https://a.example/x/v1beta", "https://a.example/x/v1beta"),
            ("https://a.example/vertex", "https://a.example/vertex/v1"),
        ] {
            let url = endpoint("x", &Url::parse(base).unwrap(), "v1").unwrap();
            assert_eq!(url.as_str(), expected, "{base}");
        }
    }

    #[test]
    fn a_key_with_a_line_break_is_refused() {
        assert!(bearer("x", &ApiKey::new("a\r\nHost: b")).is_err());
        let headers = bearer("x", &ApiKey::new("sk-secret")).unwrap();
        assert!(!format!("{headers:?}").contains("sk-secret"));
    }

    #[test]
    fn the_tls_provider_is_installed_once_or_twice() {
        install_tls_provider();
        install_tls_provider();
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }

    #[test]
    fn loopback_is_recognised() {
        for (url, expected) in [
            ("http://127.8.8.8/", true),
            ("http://[::1]:80/", true),
            ("http://localhost:1/", true),
            ("http://10.0.0.1/", false),
            ("http://localhost.example/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
