//! Answering. This crate forbids a direction: everything about HTTP is here, and nothing here
//! touches the store, the agent or the sandbox.
//!
//! - [`router()`] puts the routes together; URL tree and module tree are the same;
//! - [`Listener`] accepts connections and refuses what must never reach a route;
//! - [`openapi`] describes it all, from the same annotations that the routes carry.
//!
//! To add an endpoint: one file under `routes/`, one line in its `mod.rs`, its section in the API
//! reference, its row in the route × credential table.

mod api_error;
mod attempts;
mod body;
mod console;
mod content_disposition;
mod cors;
mod download;
mod extract;
mod forwarded;
mod guard;
mod idempotency;
mod limits;
mod listener;
mod manage;
mod members;
mod metrics;
mod middleware;
mod multipart;
mod oidc;
mod open_streams;
mod pace;
mod query;
mod router;
mod routes;
mod shown;
mod state;
mod stream;

pub use listener::{Listener, ListenerConfig, ListenerError};
pub use metrics::{HttpMetrics, metrics_router};
pub use router::{openapi, router};
pub use state::{HttpConfig, HttpParts, Readiness, SignUp};
