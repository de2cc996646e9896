//! What a session has of the web.

use sandbox::EgressConnector;

use super::client::WebClient;
use super::reach::Reach;
use super::search::{SearchConfig, SearchConfigError, SearchService};

/// The web as tools reach it, shared by the sessions of a server.
#[derive(Debug)]
pub struct Web {
    pub(super) client: WebClient,
    search: Option<SearchService>,
}

impl Web {
    /// Pages are fetched through `connector`; nothing is searched.
    pub fn new(connector: EgressConnector) -> Self {
        Self {
            client: WebClient::new(connector),
            search: None,
        }
    }

    /// Also searches, with that service.
    ///
    /// # Errors
    /// [`SearchConfigError`]: what it lacks.
    pub fn with_search(self, config: SearchConfig) -> Result<Self, SearchConfigError> {
        Ok(Self {
            search: Some(SearchService::new(config)?),
            ..self
        })
    }

    /// What the operator's service finds, as far as the call may reach; or why it finds nothing.
    pub(crate) async fn search(&self, reach: Reach<'_>, query: &str) -> Result<String, String> {
        match &self.search {
            Some(service) => service.search(reach, query).await,
            None => Err(
                "Web search is not configured on this server. The operator can name a \
                         service with SIGMIC_SEARCH__BACKEND; web_fetch fetches pages whose \
                         address is known."
                    .to_owned(),
            ),
        }
    }
}
