//! Query parameters. Unknown ones are ignored; a known one that is wrong is told by its name.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use crate::api_error::ApiError;
use crate::state::AppState;

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

    /// A moment in ISO 8601.
    pub(crate) fn moment(&self, name: &str) -> Result<Option<model::Timestamp>, ApiError> {
        let wrong = || ApiError::invalid(format!("`{name}` must be a time in ISO 8601"));
        self.get(name)
            .map(|text| model::Timestamp::parse_iso(text).ok_or_else(wrong))
            .transpose()
    }
}
