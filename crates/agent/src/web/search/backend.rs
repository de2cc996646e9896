//! What a search service is asked and what it answers.

use std::fmt;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use serde_json::Value;
use url::Url;

/// A kind of search service.
pub(super) trait SearchBackend: Send + Sync + fmt::Debug {
    /// The request for at most `count` results, and where it goes. Its host and its sender are
    /// named by whoever sends it.
    fn request(&self, query: &str, count: usize) -> Option<(Url, Request<Full<Bytes>>)>;

    /// The results in an answer; absent when it is none of this service's.
    fn results(&self, answer: &Value) -> Option<Vec<SearchResult>>;
}

/// One result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SearchResult {
    pub(super) title: String,
    pub(super) url: String,
    pub(super) snippet: String,
}

/// The results of a list, whose snippets go by the name `snippet`. What has no address is left out.
pub(super) fn results_at(list: Option<&Value>, snippet: &str) -> Option<Vec<SearchResult>> {
    let results = list?.as_array()?.iter().filter_map(|result| {
        let text = |name: &str| result.get(name).and_then(Value::as_str).unwrap_or_default();
        Some(SearchResult {
            title: text("title").to_owned(),
            url: result.get("url")?.as_str()?.to_owned(),
            snippet: text(snippet).to_owned(),
        })
    });
    Some(results.collect())
}
