//! Calling a Sigmic server. This crate is used alone: by the command line and by any program that
//! wants a typed client; it knows the wire and nothing of the server.
//!
//! - [`Client`]: create, get, list, cancel, follow up, approve, history, files in and out;
//! - [`Management`]: projects, API keys and widget apps, with a key of class `management`;
//! - [`EventReader`]: the event stream as a pure state machine over bytes;
//! - [`Client::stream`]: one connection to a stream; [`Client::follow`]: a stream that survives
//!   broken connections and restarts of the server.
//!
//! ```no_run
//! # async fn example() -> Result<(), client::Error> {
//! use client::{ApiKey, Backoff, Client, ClientConfig, Followed, ServerEvent};
//!
//! let key = ApiKey::new(std::env::var("SIGMIC_API_KEY").unwrap_or_default());
//! let client = Client::new(&ClientConfig::new("http://127.0.0.1:8080", key))?;
//! let request = wire::CreateTaskRequest {
//!     message: "What is 17 * 23?".to_owned(),
//!     ..Default::default()
//! };
//! let task = client.create_task(&request, None).await?;
//! let mut stream = client.follow(task.id, Backoff::default());
//! while let Some(followed) = stream.next().await? {
//!     if let Followed::Event(received) = followed
//!         && let ServerEvent::Done { final_response } = received.event
//!     {
//!         println!("{final_response}");
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! To add an endpoint: one method in `client.rs`. To add an event: a variant in [`ServerEvent`].

mod api_key;
mod client;
mod error;
mod event;
mod files;
mod follow;
mod http;
mod management;
mod reader;
mod sse;
mod stream;

pub use api_key::ApiKey;
pub use client::{Client, ClientConfig, ListScope, ListTasks};
pub use error::Error;
pub use event::{CallStatus, ServerEvent};
pub use files::{Download, Files};
pub use follow::{Backoff, Follow, Followed};
pub use management::{CutOff, Management, Page, RunningTasks};
pub use reader::{EventReader, Received};
pub use stream::EventStream;
