//! Who reaches a test's server, and from where.

use http_api::SignUp;

use super::TestServerBuilder;

impl TestServerBuilder {
    /// Behind a proxy at an address of this network.
    #[must_use]
    pub fn trusted_proxy(mut self, network: &str) -> Self {
        self.trusted_proxies.push(network.to_owned());
        self
    }

    /// Where everybody may make an account.
    #[must_use]
    pub fn open_to_everybody(mut self) -> Self {
        self.sign_up = SignUp::Open;
        self
    }

    /// Whose own pages are there.
    #[must_use]
    pub fn own_origin(mut self, origin: &str) -> Self {
        self.own_origins.push(origin.to_owned());
        self
    }
}
