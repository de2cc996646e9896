//! Query parameters. Unknown ones are ignored; a known one that is wrong is told by its name.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use wire::Paged;

use crate::api_error::ApiError;
use crate::state::AppState;

/// Items of a list where none are asked for.
const DEFAULT_LIMIT: i64 = 50;
/// Items of a list at most.
const MAX_LIMIT: i64 = 100;

/// The parameters in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl FromRequestParts<AppState> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(pairs)| Self(pairs))
            .map_err(|_| ApiError::invalid("The query is not valid"))
    }
}

impl Parameters {
    /// The first value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A whole number of at least `least`, or `default`.
    pub(crate) fn number(&self, name: &str, least: i64, default: i64) -> Result<i64, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        text.parse()
            .ok()
            .filter(|number| *number >= least)
            .ok_or_else(|| {
                ApiError::invalid(format!("`{name}` must be a whole number, {least} or more"))
            })
    }

    /// The part of a whole list that `limit` and `offset` ask for.
    pub(crate) fn page<T>(&self, items: Vec<T>) -> Result<Paged<T>, ApiError> {
        let (limit, offset) = self.limits()?;
        let total = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let count = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
        let part = items
            .into_iter()
            .skip(count(offset))
            .take(count(limit))
            .collect();
        Ok(Paged::new(part, total, limit, offset))
    }

    /// `limit` and `offset`, as they are in force.
    pub(crate) fn limits(&self) -> Result<(i64, i64), ApiError> {
        let limit = self.number("limit", 1, DEFAULT_LIMIT)?.min(MAX_LIMIT);
        Ok((limit, self.number("offset", 0, 0)?))
    }

    /// A moment in ISO 8601.
    pub(crate) fn moment(&self, name: &str) -> Result<Option<model::Timestamp>, ApiError> {
        let wrong = || ApiError::invalid(format!("`{name}` must be a time in ISO 8601"));
        self.get(name)
            .map(|text| model::Timestamp::parse_iso(text).ok_or_else(wrong))
            .transpose()
    }
}
