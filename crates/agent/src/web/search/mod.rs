//! The operator's search service.
//!
//! To add one: a file that implements [`SearchBackend`], a variant of [`SearchKind`] with its name,
//! a line in `service.rs`.

mod backend;
mod brave;
mod searxng;
mod service;
mod tavily;

use backend::{SearchBackend, SearchResult, results_at};
pub(super) use service::SearchService;
pub use service::{SearchConfig, SearchConfigError, SearchKind};
