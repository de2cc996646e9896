//! The sign-in services of a test's server.

use std::sync::Arc;

use auth::{OidcConfig, OidcProviders};
use model::OsRandom;

use super::TestServerBuilder;

impl TestServerBuilder {
    /// At which people may sign in, too.
    #[must_use]
    pub fn oidc(mut self, config: OidcConfig) -> Self {
        self.oidc.push(config);
        self
    }

    pub(super) fn oidc_providers(&self) -> OidcProviders {
        let (clock, random) = (Arc::clone(&self.clock), Arc::new(OsRandom));
        let providers = OidcProviders::new(self.oidc.clone(), clock, random);
        providers.expect("the services are services")
    }
}
