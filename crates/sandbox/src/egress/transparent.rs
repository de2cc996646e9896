//! Connections of programs that know nothing of a proxy.
//!
//! A program asks the sandbox's name server, gets an address that stands for the name, and
//! connects there. The name must then be said once more by the connection itself, as the host of
//! a request or of a TLS greeting: the address alone could be remembered or guessed.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::answer::{Answer, HEAD_TIME, read_head};
use super::gate::Gate;
use super::head::only_host;
use super::hello::{Hello, MAX_HELLO_BYTES, read};
use super::names::Names;
use super::policy::host_name;

/// Says to a TLS client that the server is not who it wants, or may not be reached.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];
const ACCESS_DENIED: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];

/// What is spoken on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// On port 80.
    Http,
    /// On port 443.
    Tls,
}

/// Serves for ever.
pub(super) async fn serve(gate: &Gate, names: &Arc<Names>, listener: TcpListener, speaks: Speaks) {
    let serve = |client| connection(gate.clone(), Arc::clone(names), client, speaks);
    gate.accept(listener, serve).await;
}

async fn connection(gate: Gate, names: Arc<Names>, mut client: TcpStream, speaks: Speaks) {
    // An address that stands for nothing: closed.
    let Some(name) = meant(&client, &names) else {
        return;
    };
    let negotiated = match speaks {
        Speaks::Http => http(&gate, &name, &mut client).await,
        Speaks::Tls => tls(&gate, &name, &mut client).await,
    };
    if let Some((mut server, first)) = negotiated
        // Either side may close at any time; there is nobody to tell.
        && server.write_all(&first).await.is_ok()
    {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

/// The name for which the address stands that the client connected to.
fn meant(client: &TcpStream, names: &Names) -> Option<String> {
    match client.local_addr().ok()?.ip() {
        IpAddr::V4(address) => names.name_of(address),
        IpAddr::V6(_) => None,
    }
}

async fn http(gate: &Gate, name: &str, client: &mut TcpStream) -> Option<(TcpStream, Vec<u8>)> {
    let negotiated = async {
        let (mut head, rest) = read_head(client).await?;
        if only_host(&head, 80).as_deref() != Some(name) {
            return Err(Answer::new(
                "421 Misdirected Request",
                format!("the request must be for the host that was asked for: {name}\n"),
            ));
        }
        head.extend_from_slice(&rest);
        Ok((gate.connect(name, 80).await?, head))
    };
    match negotiated.await {
        Ok(negotiated) => Some(negotiated),
        Err(answer) => {
            answer.send(client).await;
            None
        }
    }
}

async fn tls(gate: &Gate, name: &str, client: &mut TcpStream) -> Option<(TcpStream, Vec<u8>)> {
    let (hello, said) = timeout(HEAD_TIME, read_hello(client)).await.ok()??;
    let alert = if host_name(&said).as_deref() == Some(name) {
        match gate.connect(name, 443).await {
            Ok(server) => return Some((server, hello)),
            Err(_) => ACCESS_DENIED,
        }
    } else {
        UNRECOGNIZED_NAME
    };
    // The client may have gone.
    let _ = client.write_all(&alert).await;
    let _ = client.shutdown().await;
    None
}

/// The greeting and the host that it names; absent when it names none, or is too large.
async fn read_hello(client: &mut TcpStream) -> Option<(Vec<u8>, String)> {
    let mut hello = Vec::new();
    let mut chunk = [0_u8; 4096];
    loop {
        let count = client.read(&mut chunk).await.unwrap_or(0);
        hello.extend_from_slice(&chunk[..count]);
        if count == 0 || hello.len() > MAX_HELLO_BYTES {
            return None;
        }
        match read(&hello) {
            Hello::Incomplete => {}
            Hello::Names(said) => return Some((hello, said)),
            Hello::Unusable => return None,
        }
    }
}
