//! The proxy of one sandbox.
//!
//! It accepts on a listener that was bound inside the sandbox's network namespace, so whoever
//! connects is in that sandbox: there is no password to steal and no other way out.

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::answer::{Answer, read_head};
use super::gate::Gate;
use super::head::{Wanted, parse};
use super::passage::Passage;

/// Serves for ever.
pub(super) async fn serve(gate: &Gate, listener: TcpListener) {
    let serve = |client| connection(gate.clone(), client);
    gate.accept(listener, serve).await;
}

async fn connection(gate: Gate, mut client: TcpStream) {
    match negotiate(&gate, &mut client).await {
        Ok((passage, first)) => passage.carry(&mut client, &first).await,
        Err(answer) => answer.send(&mut client).await,
    }
}

/// Reads what is wanted and connects. Returns the connection and what to send there first.
async fn negotiate(gate: &Gate, client: &mut TcpStream) -> Result<(Passage, Vec<u8>), Answer> {
    let (head, rest) = read_head(client).await?;
    let wanted = parse(&head).ok_or_else(|| {
        Answer::new(
            "400 Bad Request",
            "this is a proxy: CONNECT or http:// only",
        )
    })?;
    match wanted {
        Wanted::Tunnel { host, port } => {
            let passage = gate.connect(gate.open(&host, port)).await?;
            let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
            client
                .write_all(established)
                .await
                .map_err(|_| Answer::new("400 Bad Request", "gone"))?;
            Ok((passage, rest))
        }
        Wanted::Forward {
            host,
            port,
            mut head,
        } => {
            let passage = gate.connect(gate.open(&host, port)).await?;
            head.extend_from_slice(&rest);
            Ok((passage, head))
        }
    }
}
