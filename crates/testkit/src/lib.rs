//! Fakes for tests. This crate is used alone: no shipped code depends on it.
//!
//! - [`ModelServer`]: a model that says what its script tells it to, over real HTTP;
//! - [`Gate`]: lets a test hold something back without sleeping.

mod gate;
mod model_server;

pub use gate::Gate;
pub use model_server::{ModelServer, RecordedRequest, Reply, Script};
