//! A connection that counts what goes through it, into the receipt of its call.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use sandbox::EgressEntry;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// See the module. The receipt is written when it is dropped.
#[derive(Debug)]
pub(super) struct Counted<T> {
    stream: T,
    entry: EgressEntry,
}

impl<T> Counted<T> {
    pub(super) fn new(stream: T, entry: EgressEntry) -> Self {
        Self { stream, entry }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let received = buffer.filled().len() - before;
        if received > 0 {
            self.entry.count(0, received as u64)?;
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(sent)) = &written {
            self.entry.count(*sent as u64, 0)?;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
