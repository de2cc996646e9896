//! What one sandbox may reach, whichever way it asks: by the proxy, by a name, by a captured
//! connection.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::passage::Passage;
use super::policy::host_name;
use super::{EgressConnector, EgressEntry, EgressError, EgressLedger, HostPattern, Refusal};

/// Connections of a sandbox at once, over all ways out.
const MAX_CONNECTIONS: usize = 64;
/// Pause after an accept that failed while nothing of ours was open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The gate of one sandbox. Its clones share its slots.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    connector: EgressConnector,
    /// Hosts that may be reached; absent: all.
    listed: Option<Arc<[HostPattern]>>,
    slots: Arc<Semaphore>,
    ledger: EgressLedger,
}

impl Gate {
    pub(crate) fn new(
        connector: EgressConnector,
        listed: Option<Vec<HostPattern>>,
        ledger: EgressLedger,
    ) -> Self {
        Self {
            connector,
            listed: listed.map(Into::into),
            slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            ledger,
        }
    }

    /// Whether the sandbox may ask for `name`, which is in the form that is compared. Where the
    /// name leads is checked when somebody connects.
    pub(super) fn lists(&self, name: &str) -> bool {
        self.listed
            .as_ref()
            .is_none_or(|listed| listed.iter().any(|pattern| pattern.matches(name)))
    }

    /// Somebody wants to go to `host`.
    pub(super) fn open(&self, host: &str, port: u16) -> EgressEntry {
        self.ledger.open(host, port)
    }

    /// Connects if this sandbox may.
    pub(super) async fn connect(&self, mut entry: EgressEntry) -> Result<Passage, EgressError> {
        if !self.lists(&host_name(entry.host()).unwrap_or_default()) {
            let host = entry.host().to_owned();
            let refusal = Refusal::NotListed;
            entry.refuse(refusal);
            return Err(EgressError::Refused { host, refusal });
        }
        let server = self.connector.connect_for(&mut entry).await?;
        Ok(Passage::new(server, entry))
    }

    /// Accepts for ever; open connections end with it. One that finds no slot is closed without
    /// an answer: answering costs what the limit saves.
    pub(super) async fn accept<F>(&self, listener: TcpListener, serve: impl Fn(TcpStream) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut connections = JoinSet::new();
        loop {
            let client = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
            };
            let Ok((client, _)) = client else {
                // Out of descriptors, for instance. One of ours must end before it can go on.
                if connections.join_next().await.is_none() {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                continue;
            };
            let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
                continue;
            };
            let served = serve(client);
            connections.spawn(async move {
                served.await;
                drop(slot);
            });
        }
    }
}
