//! The proxy of one sandbox.
//!
//! It accepts on a listener that was bound inside the sandbox's network namespace, so whoever
//! connects is in that sandbox: there is no password to steal and no other way out.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::head::{Wanted, parse};
use super::policy::host_name;
use super::{EgressConnector, EgressError, HostPattern, Refusal};

/// Largest head of a request.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Connections at once.
const MAX_CONNECTIONS: usize = 64;
/// Time for a client to send its head.
const HEAD_TIME: Duration = Duration::from_secs(15);

/// The proxy of one sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    connector: EgressConnector,
    /// Hosts that may be reached; absent: all.
    listed: Option<Arc<[HostPattern]>>,
}

/// What is answered instead of a connection.
struct Answer {
    status: &'static str,
    text: String,
}

impl Answer {
    fn new(status: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
        }
    }
}

impl Proxy {
    pub(crate) fn new(connector: EgressConnector, listed: Option<Vec<HostPattern>>) -> Self {
        Self {
            connector,
            listed: listed.map(Into::into),
        }
    }

    /// Serves until dropped; open connections end with it.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let client = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
            };
            let Ok((client, _)) = client else {
                // Out of descriptors, for instance. One of ours must end before it can go on.
                if connections.join_next().await.is_none() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                continue;
            };
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                // Closed without an answer: answering costs what the limit saves.
                continue;
            };
            let proxy = self.clone();
            connections.spawn(async move {
                proxy.connection(client).await;
                drop(slot);
            });
        }
    }

    async fn connection(&self, mut client: TcpStream) {
        match self.negotiate(&mut client).await {
            Ok((mut server, first)) => {
                // Either side may close at any time; there is nobody to tell.
                if server.write_all(&first).await.is_ok() {
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                }
            }
            Err(answer) => {
                let head = format!(
                    "HTTP/1.1 {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
                     Connection: close\r\n\r\n",
                    answer.status,
                    answer.text.len()
                );
                let _ = client.write_all(head.as_bytes()).await;
                let _ = client.write_all(answer.text.as_bytes()).await;
                let _ = client.shutdown().await;
            }
        }
    }

    /// Reads what is wanted and connects. Returns the connection and what to send there first.
    async fn negotiate(&self, client: &mut TcpStream) -> Result<(TcpStream, Vec<u8>), Answer> {
        let (head, rest) = timeout(HEAD_TIME, read_head(client))
            .await
            .map_err(|_| Answer::new("408 Request Timeout", "the request did not come"))??;
        let wanted = parse(&head).ok_or_else(|| {
            Answer::new(
                "400 Bad Request",
                "this is a proxy: CONNECT or http:// only",
            )
        })?;
        match wanted {
            Wanted::Tunnel { host, port } => {
                let server = self.connect(&host, port).await?;
                let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
                client
                    .write_all(established)
                    .await
                    .map_err(|_| Answer::new("400 Bad Request", "gone"))?;
                Ok((server, rest))
            }
            Wanted::Forward {
                host,
                port,
                mut head,
            } => {
                let server = self.connect(&host, port).await?;
                head.extend_from_slice(&rest);
                Ok((server, head))
            }
        }
    }

    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, Answer> {
        let refused = |refusal: &dyn std::fmt::Display| {
            Answer::new(
                "403 Forbidden",
                format!("blocked by the sandbox's network policy: {host}: {refusal}\n"),
            )
        };
        if let Some(listed) = &self.listed {
            let name = host_name(host).unwrap_or_default();
            if !listed.iter().any(|pattern| pattern.matches(&name)) {
                return Err(refused(&Refusal::NotListed));
            }
        }
        match self.connector.connect(host, port).await {
            Ok(server) => Ok(server),
            Err(EgressError::Refused { refusal, .. }) => Err(refused(&refusal)),
            Err(error @ EgressError::BadHost(_)) => {
                Err(Answer::new("400 Bad Request", format!("{error}\n")))
            }
            Err(error @ (EgressError::Resolve { .. } | EgressError::Connect { .. })) => {
                Err(Answer::new("502 Bad Gateway", format!("{error}\n")))
            }
        }
    }
}

/// The head up to its empty line, and what came behind it.
async fn read_head(client: &mut TcpStream) -> Result<(Vec<u8>, Vec<u8>), Answer> {
    let mut head = Vec::new();
    let mut chunk = [0_u8; 4096];
    loop {
        let count = client.read(&mut chunk).await.unwrap_or(0);
        if count == 0 {
            return Err(Answer::new("400 Bad Request", "the request is cut off"));
        }
        // The empty line may straddle two reads.
        let from = head.len().saturating_sub(3);
        head.extend_from_slice(&chunk[..count]);
        if let Some(at) = find(&head[from..], b"\r\n\r\n") {
            let rest = head.split_off(from + at + 4);
            if head.len() <= MAX_HEAD_BYTES {
                return Ok((head, rest));
            }
        }
        if head.len() > MAX_HEAD_BYTES {
            return Err(Answer::new(
                "431 Request Header Fields Too Large",
                "the head is larger than 16 KiB",
            ));
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
