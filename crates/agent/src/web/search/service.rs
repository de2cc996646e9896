//! A search, from its words to the text that the model gets.

use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER};
use llm::ApiKey;
use sandbox::{AllowList, EgressConnector, EgressPolicy, SystemResolver};
use serde_json::Value;

use super::brave::Brave;
use super::searxng::Searxng;
use super::tavily::Tavily;
use super::{SearchBackend, SearchResult};
use crate::web::client::{Answer, WebClient};
use crate::web::{Reach, WebError, address};

/// Time for a search, in seconds.
const SEARCH_S: u64 = 15;
/// Bytes of an answer that are read.
const MAX_BODY_BYTES: usize = 2 << 20;
/// Results that are shown.
const MAX_RESULTS: usize = 10;
/// Characters of a title and an address, and of a snippet, that are shown.
const LINE_CHARS: usize = 300;
const SNIPPET_CHARS: usize = 800;
/// Every address: the service is the operator's choice, wherever it is.
const EVERYWHERE: &str = "0.0.0.0/0 ::/0";

/// Which search service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchKind {
    /// A SearXNG of one's own.
    Searxng,
    /// Brave Search.
    Brave,
    /// Tavily.
    Tavily,
}

impl FromStr for SearchKind {
    type Err = SearchConfigError;

    fn from_str(name: &str) -> Result<Self, SearchConfigError> {
        match name {
            "searxng" => Ok(Self::Searxng),
            "brave" => Ok(Self::Brave),
            "tavily" => Ok(Self::Tavily),
            _ => Err(SearchConfigError::Kind),
        }
    }
}

/// What an operator says about web search.
#[derive(Debug, Clone)]
pub struct SearchConfig {
    /// Which service.
    pub kind: SearchKind,
    /// Where it is; absent: where its maker runs it.
    pub url: Option<String>,
    /// Its key.
    pub key: Option<ApiKey>,
}

/// Why a search service cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SearchConfigError {
    /// Not one of those that are known.
    #[error("the search backend must be `none`, `searxng`, `brave` or `tavily`")]
    Kind,
    /// SearXNG is run by oneself.
    #[error("where is the search service? Give its URL (SIGMIC_SEARCH__URL)")]
    NoUrl,
    /// Not http or https, or with credentials in it.
    #[error("the URL of the search service is not an http or https URL without credentials")]
    Url,
    /// It asks for one.
    #[error("the search service needs a key (SIGMIC_SEARCH__KEY)")]
    NoKey,
    /// It holds what a header cannot carry.
    #[error("the key of the search service holds characters that a header cannot carry")]
    Key,
}

/// Why there are no results. `Display` is told to the model.
#[derive(Debug, thiserror::Error)]
enum SearchError {
    #[error(transparent)]
    Web(#[from] WebError),
    #[error("the search service does not accept its key (HTTP {0}); the operator must mend it")]
    Denied(u16),
    #[error("the search service asks to slow down{}", .0.map_or_else(String::new, |s| format!("; try again in {s} s")))]
    SlowDown(Option<u64>),
    #[error("the search service answered {0}")]
    Status(StatusCode),
    #[error("the search service sent something that cannot be understood")]
    Malformed,
    #[error("the query cannot be sent")]
    Query,
}

/// A search service that was set up.
#[derive(Debug)]
pub(in crate::web) struct SearchService {
    backend: Box<dyn SearchBackend>,
    client: WebClient,
    key: Option<ApiKey>,
}

impl SearchService {
    pub(in crate::web) fn new(config: SearchConfig) -> Result<Self, SearchConfigError> {
        let everywhere: AllowList = EVERYWHERE.parse().expect("two networks are a list");
        let connector =
            EgressConnector::new(EgressPolicy::new(everywhere), Arc::new(SystemResolver));
        Ok(Self {
            backend: backend(&config)?,
            client: WebClient::new(connector),
            key: config.key,
        })
    }

    /// What it finds, as far as the call may reach.
    pub(in crate::web) async fn search(
        &self,
        reach: Reach<'_>,
        query: &str,
    ) -> Result<String, String> {
        let searching = self.ask(reach, query);
        let results = tokio::time::timeout(Duration::from_secs(SEARCH_S), searching).await;
        let results = results.unwrap_or(Err(WebError::TimedOut(SEARCH_S).into()));
        let text = match results {
            Ok(results) => show(&results),
            Err(error) => return Err(self.without_key(&error.to_string())),
        };
        Ok(self.without_key(&text))
    }

    async fn ask(&self, reach: Reach<'_>, query: &str) -> Result<Vec<SearchResult>, SearchError> {
        let request = self.backend.request(query, MAX_RESULTS);
        let (url, request) = request.ok_or(SearchError::Query)?;
        reach.permitted(&url)?;
        let answer = self
            .client
            .send(reach, &url, request, MAX_BODY_BYTES)
            .await?;
        refused(&answer)?;
        let answer: Value =
            serde_json::from_slice(&answer.body).map_err(|_| SearchError::Malformed)?;
        self.backend.results(&answer).ok_or(SearchError::Malformed)
    }

    /// A service may repeat what it was sent.
    fn without_key(&self, text: &str) -> String {
        match &self.key {
            Some(key) if key.expose_secret().len() >= 8 => {
                text.replace(key.expose_secret(), "[key]")
            }
            Some(_) | None => text.to_owned(),
        }
    }
}

fn backend(config: &SearchConfig) -> Result<Box<dyn SearchBackend>, SearchConfigError> {
    let base = |public: Option<&str>| {
        let url = config.url.as_deref().or(public);
        let url = url.ok_or(SearchConfigError::NoUrl)?;
        address::parse(url).map_err(|_| SearchConfigError::Url)
    };
    let key = config.key.as_ref().filter(|key| !key.is_empty());
    let header = |key: &ApiKey, prefix: &str| {
        let value = HeaderValue::from_str(&format!("{prefix}{}", key.expose_secret()));
        let mut value = value.map_err(|_| SearchConfigError::Key)?;
        value.set_sensitive(true);
        Ok(value)
    };
    let needed = || key.ok_or(SearchConfigError::NoKey);
    Ok(match config.kind {
        SearchKind::Searxng => Box::new(Searxng {
            base: base(None)?,
            authorization: key.map(|key| header(key, "Bearer ")).transpose()?,
        }),
        SearchKind::Brave => Box::new(Brave {
            base: base(Some("https://api.search.brave.com/res/v1"))?,
            key: header(needed()?, "")?,
        }),
        SearchKind::Tavily => Box::new(Tavily {
            base: base(Some("https://api.tavily.com"))?,
            authorization: header(needed()?, "Bearer ")?,
        }),
    })
}

fn refused(answer: &Answer) -> Result<(), SearchError> {
    match answer.status.as_u16() {
        200..=299 => Ok(()),
        status @ (401 | 403) => Err(SearchError::Denied(status)),
        429 => {
            let after = answer.header(RETRY_AFTER);
            let seconds = after.and_then(|seconds| seconds.trim().parse().ok());
            Err(SearchError::SlowDown(seconds))
        }
        _ => Err(SearchError::Status(answer.status)),
    }
}

fn show(results: &[SearchResult]) -> String {
    if results.is_empty() {
        return "Nothing was found.".to_owned();
    }
    let mut text = String::new();
    for (number, result) in (1..).zip(results.iter().take(MAX_RESULTS)) {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{number}. {}\n   {}\n",
            line(&result.title, LINE_CHARS),
            line(&result.url, LINE_CHARS)
        );
        if !result.snippet.trim().is_empty() {
            let _ = writeln!(text, "   {}", line(&result.snippet, SNIPPET_CHARS));
        }
    }
    text
}

/// A text on one line.
fn line(text: &str, chars: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(kind: SearchKind, url: Option<&str>, key: Option<&str>) -> SearchConfig {
        SearchConfig {
            kind,
            url: url.map(str::to_owned),
            key: key.map(ApiKey::new),
        }
    }

    #[test]
    fn a_service_that_cannot_work_is_told_at_the_start() {
        let made = |kind, url, key| SearchService::new(config(kind, url, key));
        assert!(made(SearchKind::Searxng, Some("http://127.0.0.1:8888"), None).is_ok());
        assert!(made(SearchKind::Brave, None, Some("key")).is_ok());
        for (kind, url, key, reason) in [
            (SearchKind::Searxng, None, None, "Give its URL"),
            (
                SearchKind::Searxng,
                Some("http://u:p@a/"),
                None,
                "without credentials",
            ),
            (SearchKind::Brave, None, None, "needs a key"),
            (SearchKind::Tavily, None, Some(""), "needs a key"),
            (SearchKind::Tavily, None, Some("a\nb"), "cannot carry"),
        ] {
            let error = made(kind, url, key).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let shown = format!(
            "{:?}",
            made(SearchKind::Tavily, None, Some("very-secret")).unwrap()
        );
        assert!(!shown.contains("very-secret"), "{shown}");
    }

    #[test]
    fn results_are_lines_of_bounded_length() {
        let result = SearchResult {
            title: "A\n title".to_owned(),
            url: "https://a.example/".to_owned(),
            snippet: "word ".repeat(1_000),
        };
        let text = show(&vec![result; 30]);
        assert!(text.starts_with("1. A title\n   https://a.example/\n   word word"));
        assert_eq!(text.lines().count(), 3 * MAX_RESULTS);
        assert!(text.len() < model::MODEL_OUTPUT_BYTES);
        assert_eq!(show(&[]), "Nothing was found.");
    }
}
