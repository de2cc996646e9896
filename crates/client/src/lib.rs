//! Calling a Sigmic server. This crate is used alone: by the command line and by any program that
//! wants a typed client; it knows the wire and nothing of the server.
//!
//! - [`Client`]: create, get, list, cancel, follow up, approve, history;
//! - [`EventReader`]: the event stream as a pure state machine over bytes;
//! - [`Client::stream`]: one connection to a stream; [`Client::follow`]: a stream that survives
//!   broken connections and restarts of the server.
//!
//! To add an endpoint: one method in `client.rs`. To add an event: a variant in [`ServerEvent`].

mod api_key;
mod client;
mod error;
mod event;
mod follow;
mod http;
mod reader;
mod sse;
mod stream;

pub use api_key::ApiKey;
pub use client::{Client, ClientConfig, ListScope, ListTasks};
pub use error::Error;
pub use event::{CallStatus, ServerEvent};
pub use follow::{Backoff, Follow, Followed};
pub use reader::{EventReader, Received};
pub use stream::EventStream;
