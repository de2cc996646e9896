//! Resolving, checking and connecting in one step that cannot be taken apart.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::policy::host_name;
use super::{EgressEntry, EgressPolicy, Refusal};

/// Time for a name to be resolved.
const RESOLVE_TIME: Duration = Duration::from_secs(10);
/// Time for one address to answer.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Addresses tried for one name.
const MAX_ADDRESSES: usize = 8;

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolver: Send + Sync + fmt::Debug {
    /// The addresses of `host`, best first.
    ///
    /// # Errors
    /// When the name does not exist or cannot be looked up.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The machine's own resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EgressError {
    /// Not a host name or address.
    #[error("`{0}` is not a host")]
    BadHost(String),
    /// The policy forbids it.
    #[error("{host}: {refusal}")]
    Refused {
        /// The host asked for.
        host: String,
        /// Why.
        refusal: Refusal,
    },
    /// The name could not be resolved.
    #[error("`{host}` could not be resolved")]
    Resolve {
        /// The host asked for.
        host: String,
        /// The error.
        #[source]
        source: io::Error,
    },
    /// No address answered.
    #[error("`{host}` could not be connected to")]
    Connect {
        /// The host asked for.
        host: String,
        /// The last error.
        #[source]
        source: io::Error,
    },
}

/// Connects out under a policy. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EgressConnector {
    policy: Arc<EgressPolicy>,
    resolver: Arc<dyn Resolver>,
}

impl EgressConnector {
    /// A connector that resolves with `resolver` and obeys `policy`.
    pub fn new(policy: EgressPolicy, resolver: Arc<dyn Resolver>) -> Self {
        Self {
            policy: Arc::new(policy),
            resolver,
        }
    }

    /// The policy it obeys.
    pub fn policy(&self) -> &EgressPolicy {
        &self.policy
    }

    /// The addresses of `host` that may be connected to on `port`, best first, at most eight. A
    /// caller that connects by itself must use these and never resolve again.
    ///
    /// # Errors
    /// [`EgressError::Refused`] when there are addresses but none may be used.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, EgressError> {
        let name = host_name(host)
            .ok_or_else(|| EgressError::BadHost(host.chars().take(200).collect()))?;
        let found = match name.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => self.look_up(&name).await?,
        };
        let mut allowed = Vec::new();
        let mut refusal = None;
        for address in found {
            match self.policy.check_target(&name, port, address) {
                Ok(()) => allowed.push(SocketAddr::new(address, port)),
                Err(reason) => refusal = refusal.or(Some(reason)),
            }
        }
        allowed.truncate(MAX_ADDRESSES);
        match refusal {
            Some(refusal) if allowed.is_empty() => Err(EgressError::Refused {
                host: name,
                refusal,
            }),
            _ if allowed.is_empty() => Err(EgressError::Resolve {
                host: name,
                source: io::Error::from(io::ErrorKind::NotFound),
            }),
            _ => Ok(allowed),
        }
    }

    async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, EgressError> {
        timeout(RESOLVE_TIME, self.resolver.resolve(name))
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
            .map_err(|source| EgressError::Resolve {
                host: name.to_owned(),
                source,
            })
    }

    /// Connects to the host and port of an entry, and notes in it what came of that. Bytes are
    /// counted by the caller.
    ///
    /// # Errors
    /// [`EgressError`] saying why not.
    pub async fn connect_for(&self, entry: &mut EgressEntry) -> Result<TcpStream, EgressError> {
        let connected = match entry.admit() {
            Ok(()) => self.connect(entry.host(), entry.port()).await,
            Err(error) => Err(error),
        };
        entry.decide(&connected);
        connected
    }

    /// Connects to `host` on `port`.
    ///
    /// # Errors
    /// [`EgressError`] saying why not.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, EgressError> {
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for address in self.resolve(host, port).await? {
            match timeout(CONNECT_TIME, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = error,
                Err(_) => failure = io::Error::from(io::ErrorKind::TimedOut),
            }
        }
        Err(EgressError::Connect {
            host: host.to_owned(),
            source: failure,
        })
    }
}
