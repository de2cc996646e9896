//! What tests share. This crate forbids a direction: no shipped code may use it.
//!
//! - [`TestServer`] and [`Api`]: a whole server in the test's process, and a caller of it;
//! - [`Console`]: a person who has signed in to it;
//! - [`OidcProvider`] and [`OidcBrowser`]: a real OpenID provider, and who signs in there;
//! - [`FakeClock`]: time that a test moves by hand;
//! - [`ModelServer`]: a model that says what its script tells it to, over real HTTP;
//! - [`WebServer`]: a web server that answers by a rule;
//! - [`Gate`]: lets a test hold something back without sleeping;
//! - [`TestDatabase`]: a PostgreSQL database of a test's own;
//! - [`WebHost`]: a host on the web that sandboxes may reach.

mod api;
mod clock;
mod console;
mod credentials;
mod gate;
mod model_server;
mod oidc_browser;
mod oidc_provider;
mod postgres;
mod server;
mod web_host;
mod web_server;

pub use api::{Answer, Api, Event, Events, names_of, send, text_of};
pub use clock::FakeClock;
pub use console::{Console, PASSWORD};
pub use gate::Gate;
pub use model_server::{ModelServer, RecordedRequest, Reply, Script};
pub use oidc_browser::OidcBrowser;
pub use oidc_provider::OidcProvider;
pub use postgres::TestDatabase;
pub use server::{Backend, SCRIPTED_MODEL, TestServer, TestServerBuilder};
pub use web_host::WebHost;
pub use web_server::{WebReply, WebRequest, WebServer};

/// Lets the test binary be the first process of its sandboxes: once, in its root.
pub use sandbox::install_test_hook;
