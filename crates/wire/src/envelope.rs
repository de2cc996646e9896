//! The envelopes around every answer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ErrorCode;

/// A success: `{"success":true,"data":…}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Success<T> {
    success: bool,
    /// The answer.
    pub data: T,
}

impl<T> Success<T> {
    /// Wraps an answer.
    pub fn new(data: T) -> Self {
        Self {
            success: true,
            data,
        }
    }
}

/// A page of a list: `data` is an array and `pagination` its sibling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Paged<T> {
    success: bool,
    /// The items of this page.
    pub data: Vec<T>,
    /// Where the page lies in the whole.
    pub pagination: Pagination,
}

impl<T> Paged<T> {
    /// Wraps a page of a list of `total` items.
    pub fn new(data: Vec<T>, total: i64, limit: i64, offset: i64) -> Self {
        let count = i64::try_from(data.len()).unwrap_or(i64::MAX);
        let has_more = offset.saturating_add(count) < total;
        Self {
            success: true,
            data,
            pagination: Pagination {
                total,
                limit,
                offset,
                has_more,
            },
        }
    }
}

/// Where a page lies in the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    /// All matching items.
    pub total: i64,
    /// The limit in force.
    pub limit: i64,
    /// The offset in force.
    pub offset: i64,
    /// Whether items follow this page.
    pub has_more: bool,
}

/// An error: `{"success":false,"error":{"message":…,"code":…}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    success: bool,
    /// What went wrong.
    pub error: FailureBody,
}

/// What went wrong: exactly these two members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureBody {
    /// For people.
    pub message: String,
    /// For programs.
    pub code: String,
}

impl Failure {
    /// An error with the given message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let error = FailureBody {
            message: message.into(),
            code: code.as_str().to_owned(),
        };
        Self {
            success: false,
            error,
        }
    }
}

/// An answer that says nothing: `{}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Empty {}
