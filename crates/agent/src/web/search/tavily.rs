//! Tavily: a search service made for agents.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};
use url::Url;

use super::{SearchBackend, SearchResult, results_at};

#[derive(Debug)]
pub(super) struct Tavily {
    /// Where it is, without `/search`.
    pub(super) base: Url,
    pub(super) authorization: HeaderValue,
}

impl SearchBackend for Tavily {
    fn request(&self, query: &str, count: usize) -> Option<(Url, Request<Full<Bytes>>)> {
        let mut url = self.base.clone();
        url.path_segments_mut().ok()?.pop_if_empty().push("search");
        let asked = json!({"query": query, "max_results": count});
        let request = Request::post("/")
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, &self.authorization);
        let request = request.body(Full::from(asked.to_string()));
        Some((url, request.ok()?))
    }

    fn results(&self, answer: &Value) -> Option<Vec<SearchResult>> {
        results_at(answer.get("results"), "content")
    }
}
