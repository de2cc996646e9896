//! How far a call may reach, and where it is noted what it reached.

use model::CallId;
use sandbox::{EgressEntry, EgressError, EgressLedger, NetworkMode, Refusal};
use url::Url;

use super::WebError;

/// What a call may reach. Each connection that is made for it leaves a receipt in the ledger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach<'a> {
    pub(crate) network: &'a NetworkMode,
    pub(crate) ledger: &'a EgressLedger,
    pub(crate) call_id: &'a CallId,
}

impl Reach<'_> {
    /// Whether the task's network reaches the host at all; its addresses are checked when it is
    /// connected to.
    pub(super) fn permitted(&self, url: &Url) -> Result<(), WebError> {
        let host = url.host_str().unwrap_or_default();
        match self.network {
            NetworkMode::None => Err(WebError::NoNetwork),
            NetworkMode::Allowlist(_) if !self.network.lists(host) => {
                let refused: Result<(), _> = Err(EgressError::Refused {
                    host: host.to_owned(),
                    refusal: Refusal::NotListed,
                });
                self.begin(url).decide(&refused);
                Err(WebError::NotListed(host.to_owned()))
            }
            NetworkMode::Allowlist(_) | NetworkMode::Full => Ok(()),
        }
    }

    /// A connection for the call begins.
    pub(super) fn begin(&self, url: &Url) -> EgressEntry {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or(80);
        self.ledger.open_for(self.call_id, host, port)
    }
}
