//! Cross-origin requests. A preflight is answered for every page: it shows no credential and gives
//! nothing away. A real answer names the page's origin only if its token may be used there.

use std::sync::{Arc, OnceLock};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Where an app's credentials are exchanged and people sign in: not the business of others' pages.
const AUTH_PATH: &str = "/api/v1/auth/";
/// Seconds that a page may remember a preflight.
const MAX_AGE: &str = "600";
const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
const HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, \
                       Last-Event-ID, Range, X-API-Key";
const EXPOSED: &str = "X-Request-Id, ETag, Content-Disposition, Retry-After, \
                       RateLimit, RateLimit-Policy";

/// Filled in by authentication: the caller's page may read the answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadableSlot(Arc<OnceLock<()>>);

impl ReadableSlot {
    pub(crate) fn allow(&self) {
        // A second extractor of the same request says the same.
        let _ = self.0.set(());
    }
}

/// Answers preflights, and tells the browser whether the page may read the answer.
pub(crate) async fn cross_origin(mut request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        return vary(next.run(request).await);
    };
    if is_preflight(&request) {
        return preflight(origin);
    }
    let readable = ReadableSlot::default();
    request.extensions_mut().insert(readable.clone());
    let mut response = next.run(request).await;
    if readable.0.get().is_some() {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(EXPOSED),
        );
    }
    vary(response)
}

fn is_preflight(request: &Request) -> bool {
    let path = request.extensions().get::<MatchedPath>();
    let may_be_called = path
        .map(MatchedPath::as_str)
        .is_some_and(|path| path.starts_with("/api/v1/") && !path.starts_with(AUTH_PATH));
    request.method() == Method::OPTIONS && may_be_called
}

fn preflight(origin: HeaderValue) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    vary((StatusCode::NO_CONTENT, headers).into_response())
}

/// An answer differs by the page that asks: a cache must not hand it to another.
fn vary(mut response: Response) -> Response {
    response
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("Origin"));
    response
}
