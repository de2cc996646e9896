//! Accepting connections. Our own loop, because the stock one leaves Nagle's algorithm on (tens of
//! milliseconds for each small event of a stream) and sets no limits on headers.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

use crate::extract::Peer;
use crate::pace::{Pace, PacedBody};

/// Limits of a connection.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// Where to listen.
    pub address: SocketAddr,
    /// Bytes of a request's header section at most.
    pub max_header_bytes: usize,
    /// Time that a request's header section may take.
    pub header_timeout: Duration,
    /// Time that every body may take.
    pub body_grace: Duration,
    /// Bytes that must arrive of a body for each second beyond that.
    pub body_bytes_per_second: u64,
    /// Connections at once; more wait in the socket's queue.
    pub max_connections: usize,
    /// Time that open requests get when the server stops.
    pub drain_timeout: Duration,
}

impl ListenerConfig {
    /// The usual limits.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            max_header_bytes: 32 * 1024,
            header_timeout: Duration::from_secs(30),
            body_grace: Duration::from_secs(30),
            body_bytes_per_second: 8 * 1024,
            max_connections: 16 * 1024,
            drain_timeout: Duration::from_secs(5),
        }
    }
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenerError {
    address: SocketAddr,
    source: io::Error,
}

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    config: ListenerConfig,
}

impl Listener {
    /// Binds the socket; connections wait in its queue until [`serve`](Self::serve).
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(config: ListenerConfig) -> Result<Self, ListenerError> {
        let error = |source| ListenerError {
            address: config.address,
            source,
        };
        let socket = TcpListener::bind(config.address).await.map_err(error)?;
        let address = socket.local_addr().map_err(error)?;
        Ok(Self {
            socket,
            address,
            config,
        })
    }

    /// Where it listens: with port 0, the port that it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, then lets open requests finish for the configured time.
    pub async fn serve<S>(self, service: S, stop: CancellationToken)
    where
        S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
    {
        let mut connections = JoinSet::new();
        let graceful = GracefulShutdown::new();
        let room = Arc::new(Semaphore::new(self.config.max_connections));
        loop {
            let accept = async {
                let place = Arc::clone(&room).acquire_owned().await;
                (place, self.socket.accept().await)
            };
            let (place, accepted) = tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = connections.join_next() => continue,
                accepted = accept => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let served = serve_connection(&self.config, stream, peer, service.clone());
                    let served = graceful.watch(served);
                    connections.spawn(async move {
                        if let Err(error) = served.await {
                            tracing::debug!(
                                error = &error as &dyn std::error::Error,
                                "a connection broke"
                            );
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "accepting a connection failed"
                    );
                    // Out of descriptors: a tight loop would not free any.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        drop(self.socket);
        if tokio::time::timeout(self.config.drain_timeout, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::info!("closing the connections that are still open");
        }
        connections.shutdown().await;
    }
}

fn serve_connection<S>(
    config: &ListenerConfig,
    stream: TcpStream,
    peer: SocketAddr,
    service: S,
) -> hyper::server::conn::http1::Connection<
    TokioIo<TcpStream>,
    TowerToHyperService<
        impl Service<hyper::Request<Incoming>, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
    >,
>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "TCP_NODELAY could not be set"
        );
    }
    let pace = Pace {
        grace: config.body_grace,
        bytes_per_second: config.body_bytes_per_second,
    };
    let service = service.map_request(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(|body| Body::new(PacedBody::new(body, pace)));
        request.extensions_mut().insert(Peer(peer.ip()));
        request
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_buf_size(config.max_header_bytes)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
}
