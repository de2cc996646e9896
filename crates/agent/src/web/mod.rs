//! The web, as the web tools see it: pages of any public host, and the operator's search service.
//!
//! Every connection goes through `sandbox::EgressConnector`: the server resolves a name once, checks
//! every address and connects to the very one it checked. A redirect is a new request and is checked
//! like one. What comes back is bounded in time and bytes before anything looks at it.

mod access;
mod address;
mod body;
mod client;
mod counted;
mod error;
mod fetch;
mod page;
mod reach;
mod search;

pub use access::Web;
pub(crate) use address::urls_in;
pub(crate) use error::WebError;
pub(crate) use fetch::{Fetched, UNTRUSTED};
pub(crate) use reach::Reach;
pub use search::{SearchConfig, SearchConfigError, SearchKind};
