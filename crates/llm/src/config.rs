//! What an operator configures about models.

use crate::{ApiKey, ContextWindows};

/// Which models a server offers.
#[derive(Debug, Clone, Default)]
pub struct ModelsConfig {
    /// The default model as `provider/model`; see `Models` for the rule without one.
    pub default: Option<String>,
    /// The offered models as `provider/model`. Empty: the general model of each configured
    /// provider, and the default.
    pub offered: Vec<String>,
    /// How much the models can be shown, where it is not what is known of them.
    pub context_windows: ContextWindows,
    /// Limits of the connections to all providers.
    pub http: HttpConfig,
    /// The built-in stand-in.
    pub demo: DemoConfig,
    /// Anthropic, or a gateway that speaks its Messages API.
    pub anthropic: Option<AnthropicConfig>,
    /// Any server that speaks OpenAI's chat completions.
    pub openai: Option<OpenAiConfig>,
    /// Google's Gemini, or a gateway that speaks its API.
    pub gemini: Option<GeminiConfig>,
}

/// The built-in stand-in for a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DemoConfig {
    /// How long it takes before each turn. A model that answers in no time is over before a client
    /// that creates a task has opened its stream.
    pub thinking_ms: u64,
}

/// Anthropic, or a gateway that speaks its Messages API.
#[derive(Debug, Clone)]
pub struct AnthropicConfig {
    /// Its URL, with or without `/v1`.
    pub base_url: String,
    /// Its key; a gateway of one's own may want none.
    pub api_key: Option<ApiKey>,
}

impl AnthropicConfig {
    /// The base URL of Anthropic itself.
    pub const PUBLIC_BASE_URL: &str = "https://api.anthropic.com";
}

/// A server that speaks OpenAI's chat completions.
#[derive(Debug, Clone)]
pub struct OpenAiConfig {
    /// Its URL up to and with `/v1`.
    pub base_url: String,
    /// Its key; servers of one's own often want none.
    pub api_key: Option<ApiKey>,
}

impl OpenAiConfig {
    /// The base URL of OpenAI itself.
    pub const PUBLIC_BASE_URL: &str = "https://api.openai.com/v1";
}

/// Google's Gemini, or a gateway that speaks its API.
#[derive(Debug, Clone)]
pub struct GeminiConfig {
    /// Its URL, with or without `/v1beta`.
    pub base_url: String,
    /// Its key; a gateway of one's own may want none.
    pub api_key: Option<ApiKey>,
}

impl GeminiConfig {
    /// The base URL of Google itself.
    pub const PUBLIC_BASE_URL: &str = "https://generativelanguage.googleapis.com";
}

/// Limits of a connection to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpConfig {
    /// The longest wait for a connection.
    pub connect_timeout_ms: u64,
    /// The longest wait for the next byte. Before the first one a provider may think for minutes.
    pub idle_timeout_ms: u64,
    /// The largest answer that is read.
    pub max_response_bytes: u64,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 10_000,
            idle_timeout_ms: 300_000,
            max_response_bytes: 64 * 1024 * 1024,
        }
    }
}
