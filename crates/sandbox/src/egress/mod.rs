//! Connecting out, for whoever does it: a sandbox, a web tool, a tool server's client.
//!
//! A name is resolved here, every address is checked after that, and the connection goes to the
//! very address that was checked. Which addresses are public is decided in one pure function. The
//! ways out of a sandbox (proxy, name server, captured connections) are its doors; all of them
//! lead through its gate, and every connection has a receipt in its ledger.

mod address;
mod answer;
mod connector;
mod dns;
mod doors;
mod gate;
mod head;
mod hello;
mod ledger;
mod names;
mod passage;
mod policy;
mod proxy;
mod transparent;

pub use address::{AddressClass, classify};
pub use connector::{EgressConnector, EgressError, Resolver, SystemResolver};
pub(crate) use doors::{Doors, LISTEN, PROXY_PORT};
pub(crate) use gate::Gate;
pub use ledger::{EgressEntry, EgressLedger, RunningCall};
pub(crate) use policy::HostPattern;
pub use policy::{AllowList, AllowListError, EgressPolicy, Refusal};
