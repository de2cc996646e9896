//! A connection out that counts what passes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, copy_bidirectional};
use tokio::net::TcpStream;

use super::EgressEntry;

/// See the module. The receipt is written when it is dropped.
#[derive(Debug)]
pub(super) struct Passage {
    server: TcpStream,
    entry: EgressEntry,
}

impl Passage {
    pub(super) fn new(server: TcpStream, entry: EgressEntry) -> Self {
        Self { server, entry }
    }

    /// Sends `first`, then passes everything in both directions until both sides have ended.
    pub(super) async fn carry(mut self, client: &mut TcpStream, first: &[u8]) {
        // Either side may close at any time; there is nobody to tell.
        if self.write_all(first).await.is_ok() {
            let _ = copy_bidirectional(client, &mut self).await;
        }
    }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl AsyncRead for Passage {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.server).poll_read(context, buffer);
        let received = buffer.filled().len() - before;
        if received > 0 {
            self.entry.count(0, length(received))?;
        }
        polled
    }
}

impl AsyncWrite for Passage {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.server).poll_write(context, bytes);
        if let Poll::Ready(Ok(sent)) = polled {
            self.entry.count(length(sent), 0)?;
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.server).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.server).poll_shutdown(context)
    }
}
