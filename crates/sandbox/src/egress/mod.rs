//! Connecting out, for whoever does it: the proxy of a sandbox, a web tool, a tool server's client.
//!
//! A name is resolved here, every address is checked after that, and the connection goes to the
//! very address that was checked. Which addresses are public is decided in one pure function.

mod address;
mod connector;
mod head;
mod policy;
mod proxy;

pub use address::{AddressClass, classify};
pub use connector::{EgressConnector, EgressError, Resolver, SystemResolver};
pub(crate) use policy::HostPattern;
pub use policy::{AllowList, AllowListError, EgressPolicy, Refusal};
pub(crate) use proxy::Proxy;
