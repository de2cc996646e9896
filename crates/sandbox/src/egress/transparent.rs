//! Connections of programs that know nothing of a proxy.
//!
//! A program asks the sandbox's name server, gets an address that stands for the name, and
//! connects there. The name must then be said once more by the connection itself, as the host of
//! a request or of a TLS greeting: the address alone could be remembered or guessed.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::answer::{Answer, HEAD_TIME, read_head};
use super::gate::Gate;
use super::head::only_host;
use super::hello::{Hello, MAX_HELLO_BYTES, read};
use super::names::Names;
use super::passage::Passage;
use super::policy::host_name;
use super::{EgressEntry, Refusal};

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
    let Ok(address) = client.local_addr() else {
        return;
    };
    let port = match speaks {
        Speaks::Http => 80,
        Speaks::Tls => 443,
    };
    // An address that stands for nothing: closed.
    let Some(name) = name_of(address.ip(), &names) else {
        return gate
            .open(&address.ip().to_string(), port)
            .refuse(Refusal::Misdirected);
    };
    let entry = gate.open(&name, port);
    let negotiated = match speaks {
        Speaks::Http => http(&gate, entry, &mut client).await,
        Speaks::Tls => tls(&gate, entry, &mut client).await,
    };
    if let Some((passage, first)) = negotiated {
        passage.carry(&mut client, &first).await;
    }
}

fn name_of(address: IpAddr, names: &Names) -> Option<String> {
    match address {
        IpAddr::V4(address) => names.name_of(address),
        IpAddr::V6(_) => None,
    }
}

async fn http(
    gate: &Gate,
    entry: EgressEntry,
    client: &mut TcpStream,
) -> Option<(Passage, Vec<u8>)> {
    let negotiated = async {
        let (mut head, rest) = read_head(client).await?;
        let name = entry.host();
        if only_host(&head, 80).as_deref() != Some(name) {
            let text = format!("the request must be for the host that was asked for: {name}\n");
            entry.refuse(Refusal::Misdirected);
            return Err(Answer::new("421 Misdirected Request", text));
        }
        head.extend_from_slice(&rest);
        Ok((gate.connect(entry).await?, head))
    };
    match negotiated.await {
        Ok(negotiated) => Some(negotiated),
        Err(answer) => {
            answer.send(client).await;
            None
        }
    }
}

async fn tls(
    gate: &Gate,
    entry: EgressEntry,
    client: &mut TcpStream,
) -> Option<(Passage, Vec<u8>)> {
    let said = timeout(HEAD_TIME, read_hello(client)).await.ok().flatten();
    let Some((hello, said)) = said else {
        entry.refuse(Refusal::Misdirected);
        return None;
    };
    let alert = if host_name(&said).as_deref() == Some(entry.host()) {
        match gate.connect(entry).await {
            Ok(passage) => return Some((passage, hello)),
            Err(_) => ACCESS_DENIED,
        }
    } else {
        entry.refuse(Refusal::Misdirected);
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
