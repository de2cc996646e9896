//! What must never reach a route, as far as it can be seen in a parsed request: a missing or double
//! `Host`, an absolute target for another host, encoded slashes and NULs in a path. The parser
//! refuses the rest (obsolete folding, bare CR, two lengths, …) and the listener limits sizes.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{Version, header};

use axum::response::{IntoResponse, Response};

use crate::api_error::ApiError;

/// Bytes of a request's line and headers at most. The parser has a limit of its own, which it holds
/// only when they arrive in pieces.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Checks a request, and takes a trailing slash off its path.
pub(crate) fn check(request: Request) -> Result<Request, Box<Response>> {
    if header_bytes(&request) > MAX_HEADER_BYTES {
        // No envelope: a client that sends this does not read one.
        return Err(Box::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response(),
        ));
    }
    check_target(request).map_err(|error| Box::new(error.into_response()))
}

fn header_bytes(request: &Request) -> usize {
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4);
    let target = request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    headers.sum::<usize>() + target
}

fn check_target(mut request: Request) -> Result<Request, ApiError> {
    check_host(&request)?;
    let path = request.uri().path();
    let lower = path.to_ascii_lowercase();
    if lower.contains("%00") || lower.contains("%2f") {
        return Err(ApiError::not_found("Path"));
    }
    // Of the API's paths only: a page needs its slash for what it loads by relative names.
    let api_path = Some(path).filter(|path| path.starts_with("/api/"));
    if let Some(trimmed) = api_path.and_then(|path| path.strip_suffix('/')) {
        let with_query = match request.uri().query() {
            Some(query) => format!("{trimmed}?{query}"),
            None => trimmed.to_owned(),
        };
        if let Ok(target) = with_query.parse::<PathAndQuery>() {
            *request.uri_mut() = Uri::from(target);
        }
    }
    Ok(request)
}

fn check_host(request: &Request) -> Result<(), ApiError> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let invalid = || ApiError::invalid("The request must have exactly one Host header");
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host,
        // HTTP/1.0 knows no Host.
        (None, None) if request.version() == Version::HTTP_10 => return Ok(()),
        (None, _) | (Some(_), Some(_)) => return Err(invalid()),
    };
    match request.uri().authority() {
        Some(target)
            if !target
                .as_str()
                .as_bytes()
                .eq_ignore_ascii_case(host.as_bytes()) =>
        {
            Err(invalid())
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn request(uri: &str, hosts: &[&str]) -> Request {
        let mut builder = Request::builder().uri(uri);
        for host in hosts {
            builder = builder.header("host", *host);
        }
        builder.body(Body::empty()).unwrap()
    }

    #[test]
    fn requests_that_mean_two_things_are_refused() {
        assert!(check(request("/a", &["h"])).is_ok());
        assert!(check(request("/a", &[])).is_err());
        assert!(check(request("/a", &["h", "h"])).is_err());
        assert!(check(request("http://other/a", &["h"])).is_err());
        assert!(check(request("http://h/a", &["h"])).is_ok());
        assert!(check(request("/a%2fb", &["h"])).is_err());
        assert!(check(request("/a%00", &["h"])).is_err());
    }

    #[test]
    fn a_trailing_slash_means_nothing() {
        let path = |uri| check(request(uri, &["h"])).unwrap().uri().to_string();
        assert_eq!(path("/api/v1/tasks/?limit=2"), "/api/v1/tasks?limit=2");
        assert_eq!(path("/"), "/");
        assert_eq!(path("/docs/"), "/docs/");
    }
}
