//! Anthropic's Messages API.
//!
//! Decides how a turn looks on this wire, which models are asked to think, and where the prompt
//! is cached. Leaves connections, time and size to the shared driver, and retries to the caller.

mod blocks;
mod body;
mod parser;
mod provider;
mod request;
mod thinking;

pub(crate) use provider::register;
