//! The ways out of one sandbox, served together.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::net::{TcpListener, UdpSocket};

use super::gate::Gate;
use super::names::Names;
use super::transparent::Speaks;
use super::{dns, proxy, transparent};
use crate::control::Listen;

/// Port of the proxy on the sandbox's loopback.
pub(crate) const PROXY_PORT: u16 = 3128;

/// What is bound inside, in the order of [`Doors::new`]. The last two take connections to every
/// address of the sandbox.
pub(crate) const LISTEN: [Listen; 4] = [
    Listen::Tcp(Ipv4Addr::LOCALHOST, PROXY_PORT),
    Listen::Udp(Ipv4Addr::LOCALHOST, 53),
    Listen::Tcp(Ipv4Addr::UNSPECIFIED, 80),
    Listen::Tcp(Ipv4Addr::UNSPECIFIED, 443),
];

/// See the module.
#[derive(Debug)]
pub(crate) struct Doors {
    proxy: TcpListener,
    names: UdpSocket,
    http: TcpListener,
    tls: TcpListener,
}

impl Doors {
    /// Takes what was bound as [`LISTEN`] says.
    ///
    /// # Errors
    /// When there are not as many, or the runtime cannot watch them.
    pub(crate) fn new(bound: Vec<OwnedFd>) -> io::Result<Self> {
        let Ok([proxy, names, http, tls]) = <[OwnedFd; 4]>::try_from(bound) else {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        };
        Ok(Self {
            proxy: listener(proxy)?,
            names: socket(names)?,
            http: listener(http)?,
            tls: listener(tls)?,
        })
    }

    /// Serves until dropped; open connections end with it.
    pub(crate) async fn serve(self, gate: Gate) {
        let names = Arc::new(Names::default());
        tokio::join!(
            proxy::serve(&gate, self.proxy),
            dns::serve(&gate, &names, self.names),
            transparent::serve(&gate, &names, self.http, Speaks::Http),
            transparent::serve(&gate, &names, self.tls, Speaks::Tls),
        );
    }
}

fn listener(bound: OwnedFd) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::from(bound);
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn socket(bound: OwnedFd) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::from(bound);
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}
