//! Bodies of the management API: projects, API keys, widget apps.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectResponse {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub organization_id: String,
    /// Its name, unique in the organization.
    pub name: String,
    /// Whether it is the one that the organization began with.
    pub is_default: bool,
    /// When it was made.
    pub created_at: String,
}

/// Makes or renames a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectRequest {
    /// Its name: 1 to 100 characters, unique in the organization.
    pub name: String,
}

/// An API key, without the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyResponse {
    /// Its id.
    pub id: String,
    /// Whose organization.
    pub organization_id: String,
    /// The project of a `project` key; `null` for `management`.
    pub project_id: Option<String>,
    /// What it is called.
    pub name: String,
    /// Its first 12 characters.
    pub prefix: String,
    /// `project` or `management`.
    pub class: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// The networks it may come from; empty: any.
    pub cidrs: Vec<String>,
    /// Its own limit; `null`: that of the instance.
    pub rate_limit: Option<RateLimitResponse>,
    /// Whether it works (it may have expired all the same).
    pub enabled: bool,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: String,
    /// From when on it does not work.
    pub expires_at: Option<String>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<String>,
    /// The key that it replaces.
    pub rotated_from: Option<String>,
    /// Once replaced: until when it works beside its successor.
    pub overlap_until: Option<String>,
}

/// How often a key may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitResponse {
    /// Requests a minute, 1 to 1,000,000.
    pub per_minute: i64,
}

/// Makes a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateApiKeyRequest {
    /// What it is called: 1 to 100 characters.
    pub name: String,
    /// From when on it does not work; default never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// `project` (default) or `management`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// What it may do; default everything that its class may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// The networks it may come from, in CIDR notation; default any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidrs: Option<Vec<String>>,
    /// How often it may be used; default the instance's limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimitResponse>,
}

/// A key that was made: the only answer that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedApiKeyResponse {
    /// Its record.
    #[serde(flatten)]
    pub record: ApiKeyResponse,
    /// The key. Shown this once.
    pub key: String,
}

/// Changes a key. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateApiKeyRequest {
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// From when on it does not work; `null`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// How often it may be used; `null`: the instance's limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimitResponse>,
}

/// Puts another key in the place of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RotateRequest {
    /// Seconds that the old one goes on to work, from 0 to 30 days; default a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_seconds: Option<i64>,
}

/// A key in the place of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RotatedApiKeyResponse {
    /// The new key's id.
    pub id: String,
    /// The new key. Shown this once.
    pub key: String,
    /// The old key's id.
    pub replaces: String,
    /// Until when the old one works.
    pub overlap_until: String,
    /// From where the old one was used, latest first.
    pub recent_callers: Vec<CallerResponse>,
}

/// From where a key was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallerResponse {
    /// The address.
    pub ip: String,
    /// When last, to about a minute.
    pub last_used_at: String,
}

/// The callers of a key and of the one it replaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyUsageResponse {
    /// Of the key itself, latest first.
    pub callers: Vec<CallerResponse>,
    /// Of the key that it replaces.
    pub old_callers: Vec<CallerResponse>,
}

/// What a revocation cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevocationResponse {
    /// From when on.
    pub revoked_at: String,
    /// Keys that worked until then.
    pub keys: usize,
    /// Tokens that worked until then.
    pub sessions: usize,
    /// Streams that were open at this server.
    pub streams: usize,
    /// Tasks that were running; they go on unless `stopTasks=true`.
    pub running_tasks: usize,
}

/// A widget app, without its secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WidgetAppResponse {
    /// Its id.
    pub id: String,
    /// Its public id, for the exchange.
    pub app_id: String,
    /// Its project.
    pub project_id: String,
    /// What it is called.
    pub name: String,
    /// The pages that may use its tokens.
    pub allowed_origins: Vec<String>,
    /// Whether `Origin: null` may.
    pub allow_null_origin: bool,
    /// Whether a request must come from a page.
    pub require_origin: bool,
    /// Whether it is in use.
    pub enabled: bool,
    /// How it looks, the owner's own object.
    pub theme: Option<Value>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: String,
}

/// Makes or changes a widget app. On a change, what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WidgetAppRequest {
    /// What it is called; required for a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The pages that may use its tokens: origins, `https://*.example.com` or `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_origins: Option<Vec<String>>,
    /// Whether `Origin: null` may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_null_origin: Option<bool>,
    /// Whether a request must come from a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_origin: Option<bool>,
    /// Whether it is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How it looks, an object; `null` empties it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<Value>,
}

/// A widget app that was made: the only answer that holds its first secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedWidgetAppResponse {
    /// Its record.
    #[serde(flatten)]
    pub record: WidgetAppResponse,
    /// Its secret. Shown this once.
    pub app_secret: String,
}

/// A further secret of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RotatedSecretResponse {
    /// The secret. Shown this once.
    pub app_secret: String,
    /// Until when the old ones work.
    pub overlap_until: String,
}

/// A token that works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WidgetSessionResponse {
    /// The token's `sid`.
    pub id: String,
    /// What the customer calls the user.
    pub end_user_id: String,
    /// When it was made.
    pub created_at: String,
    /// From when on it does not work.
    pub expires_at: String,
}

/// Names an end user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndUserRequest {
    /// What the customer calls the user.
    pub end_user_id: String,
}
