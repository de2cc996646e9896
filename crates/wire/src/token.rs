//! Bodies of `POST /api/v1/auth/token`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Asks for a token for an end user of a widget app.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenRequest {
    /// The app's public id.
    pub app_id: String,
    /// The app's secret.
    pub app_secret: String,
    /// Your own id of the user, 1 to 256 characters: whoever has the same one has the same
    /// conversations.
    pub end_user_id: String,
    /// `<number><s|m|h|d>`, from `60s` to `30d`; default `1h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<String>,
    /// Variables of the user's tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, String>>,
    /// Secret variables of the user's tasks; they win over `env`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<BTreeMap<String, String>>,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// Sent as `Authorization: Bearer …`.
    pub token: String,
    /// From when on it does not work.
    pub expires_at: String,
}

/// The answer: in the envelope, and beside it for clients that look there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenResponse {
    success: bool,
    /// The token.
    pub data: Token,
    /// The same once more.
    #[serde(flatten)]
    pub bare: Token,
}

impl TokenResponse {
    /// Wraps a token.
    pub fn new(token: Token) -> Self {
        Self {
            success: true,
            data: token.clone(),
            bare: token,
        }
    }
}
