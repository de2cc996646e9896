//! What tests share. This crate forbids a direction: no shipped code may use it.
//!
//! - [`ModelServer`]: a model that says what its script tells it to, over real HTTP;
//! - [`Gate`]: lets a test hold something back without sleeping;
//! - [`TestDatabase`]: a PostgreSQL database of a test's own.

mod gate;
mod model_server;
mod postgres;

pub use gate::Gate;
pub use model_server::{ModelServer, RecordedRequest, Reply, Script};
pub use postgres::TestDatabase;
