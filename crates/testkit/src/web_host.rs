//! A host on the web that sandboxes may reach, although it is on this machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use async_trait::async_trait;
use sandbox::{EgressConnector, EgressPolicy, Resolver};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The name of every [`WebHost`], and the suffix of further ones.
const NAME: &str = "open.test";

/// Answers every request with `seen: ` and its first line. Dropped, it stops.
#[derive(Debug)]
pub struct WebHost {
    port: u16,
    _serving: JoinSet<()>,
}

impl WebHost {
    /// Starts it.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener));
        Self {
            port,
            _serving: serving,
        }
    }

    /// Where it is: `open.test` and a port.
    pub fn authority(&self) -> String {
        format!("{NAME}:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connects to it by its name; `private.test` is a host at a private address.
    ///
    /// # Panics
    /// Never: the list of allowed hosts is well-formed.
    pub fn connector(&self) -> EgressConnector {
        let allowed = self.authority().parse().expect("a host and a port");
        EgressConnector::new(EgressPolicy::new(allowed), Arc::new(Names))
    }
}

async fn serve(listener: TcpListener) {
    let mut clients = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        clients.spawn(async move {
            let mut head = vec![0; 4096];
            let count = client.read(&mut head).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..count]).into_owned();
            let seen = head.lines().next().unwrap_or_default();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\nseen: {seen}",
                seen.len() + 6
            );
            // The client may have gone.
            let _ = client.write_all(answer.as_bytes()).await;
            let _ = client.shutdown().await;
        });
    }
}

#[derive(Debug)]
struct Names;

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        match host {
            NAME => Ok(vec![Ipv4Addr::LOCALHOST.into()]),
            "private.test" => Ok(vec![Ipv4Addr::new(10, 0, 0, 7).into()]),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }
}
