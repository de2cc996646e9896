//! What tasks of a test's server may use.

use super::TestServerBuilder;

impl TestServerBuilder {
    /// How much a workspace may hold.
    #[must_use]
    pub fn workspace_bytes(mut self, bytes: u64) -> Self {
        self.limits.workspace_bytes = bytes;
        self
    }

    /// How much the connections of a session may pass.
    #[must_use]
    pub fn egress_bytes(mut self, bytes: u64) -> Self {
        self.limits.egress_bytes = bytes;
        self
    }
}
