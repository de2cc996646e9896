//! Talking to a model. This crate forbids a direction: it knows models and their wires, and
//! nothing of tasks, storage or tools; and it fences off the HTTP client.
//!
//! - [`Models`]: which models an operator offers, and the provider behind each;
//! - [`Provider`], [`TurnRequest`], [`TurnEvent`]: one turn of a conversation, streamed;
//! - [`ModelError`] and [`RetryPolicy`]: what went wrong and whether to try again;
//! - [`parse_thought`]: a raw thought taken apart.
//!
//! To add a provider: one file that implements [`Provider`] and says how it is registered, one
//! field in [`ModelsConfig`], one line in the list of `models.rs`.

mod anthropic;
mod args;
mod config;
mod demo;
mod error;
mod events;
mod failure;
mod gemini;
mod http;
mod json;
mod models;
mod names;
mod openai;
mod provider;
mod replay;
mod retry;
mod secret;
mod sse;
#[cfg(test)]
mod testing;
mod thought;
mod windows;
mod wire;

pub use config::{
    AnthropicConfig, DemoConfig, GeminiConfig, HttpConfig, ModelsConfig, OpenAiConfig,
};
pub use error::{JsonFault, ModelError};
pub use models::{Models, ModelsError, Registration, ResolvedModel, UnknownModel};
pub use provider::{Message, ProposedCall, Provider, ToolSpec, TurnEvent, TurnRequest, TurnStream};
pub use retry::{MAX_RETRY_AFTER_MS, RetryPolicy};
pub use secret::ApiKey;
pub use thought::parse_thought;
pub use windows::{ContextWindows, DEFAULT_CONTEXT_TOKENS, MIN_CONTEXT_TOKENS, WindowError};
