//! What a session has of the web.

use sandbox::EgressConnector;

use super::client::WebClient;

/// The web as tools reach it, shared by the sessions of a server.
#[derive(Debug)]
pub struct Web {
    pub(super) client: WebClient,
}

impl Web {
    /// Pages are fetched through `connector`.
    pub fn new(connector: EgressConnector) -> Self {
        Self {
            client: WebClient::new(connector),
        }
    }
}
