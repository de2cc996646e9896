//! Gemini's `streamGenerateContent`.
//!
//! Decides how a turn looks on this wire, and what of a tool's schema it understands. Leaves
//! connections, time and size to the shared driver, and retries to the caller.

mod body;
mod parser;
mod provider;
mod request;
mod schema;
mod version;

pub(crate) use provider::register;
