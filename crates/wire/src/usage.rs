//! Bodies about usage, its caps and its prices.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What was used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageNumbers {
    /// Tasks that were made.
    pub tasks: i64,
    /// Tokens of requests to models.
    pub input_tokens: i64,
    /// Tokens of their answers.
    pub output_tokens: i64,
    /// Tokens of requests that the providers had cached.
    pub cached_tokens: i64,
    /// Calls that were run.
    pub tool_calls: i64,
    /// Seconds that they took, added up.
    pub sandbox_seconds: f64,
    /// What the tokens cost, by the organization's prices at that time.
    pub cost_usd: f64,
}

/// What was used by one day, project, key, model or end user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageRowResponse {
    /// The day, id or model; empty where there is none.
    pub key: String,
    /// What was used.
    #[serde(flatten)]
    pub numbers: UsageNumbers,
}

/// What an organization used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageResponse {
    /// In the order of their keys, 10,000 at most.
    pub rows: Vec<UsageRowResponse>,
    /// All of it.
    pub totals: UsageNumbers,
}

/// The caps of a calendar month (UTC); `null`: none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageLimits {
    /// Tasks that may be made.
    pub monthly_tasks: Option<i64>,
    /// Tokens of requests and answers.
    pub monthly_tokens: Option<i64>,
    /// What they may cost.
    pub monthly_cost_usd: Option<f64>,
}

/// What a million tokens of a model cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelPrice {
    /// The model, as `provider/model`.
    pub model: String,
    /// Of requests, where the provider had not cached them.
    pub input_usd: f64,
    /// Of answers.
    pub output_usd: f64,
    /// Of requests that it had cached.
    pub cached_usd: f64,
}

/// The prices of an organization.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Prices {
    /// One a model, 1,000 at most.
    pub prices: Vec<ModelPrice>,
}
