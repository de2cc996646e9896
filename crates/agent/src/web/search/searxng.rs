//! SearXNG: a search engine of one's own. Its settings must allow the format `json`.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use serde_json::Value;
use url::Url;

use super::{SearchBackend, SearchResult, results_at};

#[derive(Debug)]
pub(super) struct Searxng {
    /// Where it is, without `/search`.
    pub(super) base: Url,
    /// For one that stands behind a gateway.
    pub(super) authorization: Option<HeaderValue>,
}

impl SearchBackend for Searxng {
    fn request(&self, query: &str, _count: usize) -> Option<(Url, Request<Full<Bytes>>)> {
        let mut url = self.base.clone();
        url.path_segments_mut().ok()?.pop_if_empty().push("search");
        url.query_pairs_mut()
            .clear()
            .append_pair("q", query)
            .append_pair("format", "json");
        let mut request = Request::get("/").header(ACCEPT, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        Some((url, request.body(Full::default()).ok()?))
    }

    fn results(&self, answer: &Value) -> Option<Vec<SearchResult>> {
        results_at(answer.get("results"), "content")
    }
}
