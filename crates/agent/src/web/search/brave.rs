//! Brave Search. Its snippets are HTML.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{ACCEPT, HeaderValue};
use serde_json::Value;
use url::Url;

use super::{SearchBackend, SearchResult, results_at};
use crate::web::page;

/// Bytes of a snippet's text at most.
const SNIPPET_BYTES: usize = 4_096;

#[derive(Debug)]
pub(super) struct Brave {
    /// Where it is, without `/web/search`.
    pub(super) base: Url,
    pub(super) key: HeaderValue,
}

impl SearchBackend for Brave {
    fn request(&self, query: &str, count: usize) -> Option<(Url, Request<Full<Bytes>>)> {
        let mut url = self.base.clone();
        let mut path = url.path_segments_mut().ok()?;
        path.pop_if_empty().extend(["web", "search"]);
        drop(path);
        url.query_pairs_mut()
            .clear()
            .append_pair("q", query)
            .append_pair("count", &count.to_string());
        let request = Request::get("/")
            .header(ACCEPT, "application/json")
            .header("x-subscription-token", &self.key);
        Some((url, request.body(Full::default()).ok()?))
    }

    fn results(&self, answer: &Value) -> Option<Vec<SearchResult>> {
        // A query without results has no `web` at all.
        let Some(web) = answer.get("web") else {
            return answer.get("type").map(|_| Vec::new());
        };
        let mut results = results_at(web.get("results"), "description")?;
        for result in &mut results {
            for text in [&mut result.title, &mut result.snippet] {
                *text = page::read(text, &self.base, SNIPPET_BYTES).text;
            }
        }
        Some(results)
    }
}
