//! Rate limits on the wire: the headers `RateLimit` and `RateLimit-Policy` of the draft of the IETF's
//! working group httpapi, and `Retry-After`.

use std::sync::{Arc, OnceLock};

use auth::{RateError, Standing};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::api_error::ApiError;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Filled in by authentication: how the caller stands with their nearest limit.
#[derive(Debug, Clone, Default)]
pub(crate) struct StandingSlot(Arc<OnceLock<Standing>>);

impl StandingSlot {
    pub(crate) fn set(&self, standing: Standing) {
        // Where two extractors of a request ask who it is, each is counted; the first is told.
        let _ = self.0.set(standing);
    }
}

/// Tells callers who were let in how they stand.
pub(crate) async fn tell_standing(mut request: Request, next: Next) -> Response {
    let slot = StandingSlot::default();
    request.extensions_mut().insert(slot.clone());
    let mut response = next.run(request).await;
    if let Some(standing) = slot.0.get() {
        tell(response.headers_mut(), standing);
    }
    response
}

/// Writes how a caller stands.
pub(crate) fn tell(headers: &mut HeaderMap, standing: &Standing) {
    let Standing {
        policy,
        per_minute,
        left,
        full_in_s,
        retry_after_s: _,
    } = standing;
    for (name, text) in [
        (
            RATE_LIMIT_POLICY,
            format!("\"{policy}\";q={per_minute};w=60"),
        ),
        (RATE_LIMIT, format!("\"{policy}\";r={left};t={full_in_s}")),
    ] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
}

/// The same of a refused one, and when to come again.
pub(crate) fn tell_refused(headers: &mut HeaderMap, standing: &Standing) {
    tell(headers, standing);
    headers.insert(
        header::RETRY_AFTER,
        HeaderValue::from(standing.retry_after_s),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

impl From<RateError> for ApiError {
    fn from(error: RateError) -> Self {
        match error {
            RateError::Limited(standing) => Self::limited(standing),
            RateError::Store(error) => Self::internal("meter a request", &error),
        }
    }
}
