//! Organizations, projects, API keys, and the secrets of the instance itself.

mod bootstrap;
mod instance;
mod key_rows;
mod keys;
mod tenants;

pub use bootstrap::{Bootstrap, Bootstrapped};
pub use instance::InstanceSecret;
pub use key_rows::{ApiKey, ApiKeyCheck, KeyHash, KeyStatus, KeyUse, NewApiKey};
#[cfg(test)]
pub(crate) use keys::FIND_BY_HASH;
pub use tenants::{Organization, Project, TenantStatus};
