//! A client that costs as little as possible: requests are bytes made beforehand, answers are
//! looked at just enough to know where they end.

use anyhow::{Context as _, Result, bail, ensure};
use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One connection that is kept.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(16 * 1024),
        })
    }

    /// Sends a request and reads its answer: its status and its body.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        let end = self.read_past(b"\r\n\r\n", 0).await?;
        let head = &self.buffer[..end];
        let status = status_of(head)?;
        let length = header(head, b"content-length: ").context("an answer without a length")?;
        while self.buffer.len() < end + length {
            self.read_more().await?;
        }
        Ok((status, &self.buffer[end..end + length]))
    }

    /// Opens an event stream; returns when its first event is there.
    pub(crate) async fn follow(&mut self, request: &[u8]) -> Result<()> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        let end = self.read_past(b"\r\n\r\n", 0).await?;
        let status = status_of(&self.buffer[..end])?;
        ensure!(status == 200, "the stream was answered {status}");
        self.read_past(b"event: ", end).await.map(drop)
    }

    /// Reads the stream to its end, which leaves the connection usable. Says whether the task was
    /// done.
    pub(crate) async fn finish(&mut self) -> Result<bool> {
        self.read_past(b"\r\n0\r\n\r\n", 0).await?;
        Ok(memmem::find(&self.buffer, b"event: done\n").is_some()
            || memmem::find(&self.buffer, b"\"isStreaming\":false").is_some())
    }

    /// Sends a request and takes the data of each event of its answer, up to `[DONE]`. An event must
    /// lie in one chunk, as the scripted model sends them.
    pub(crate) async fn events(
        &mut self,
        request: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        let mut from = 0;
        loop {
            let begin = self.read_past(b"data: ", from).await?;
            let end = self.read_past(b"\n\n", begin).await?;
            let data = &self.buffer[begin..end - 2];
            if data == b"[DONE]" {
                return self.read_past(b"\r\n0\r\n\r\n", end).await.map(drop);
            }
            take(data)?;
            from = end;
        }
    }

    /// Reads until `mark` is there after `from`; answers where it ends.
    async fn read_past(&mut self, mark: &[u8], from: usize) -> Result<usize> {
        let mut looked = from;
        loop {
            if let Some(at) = memmem::find(&self.buffer[looked..], mark) {
                return Ok(looked + at + mark.len());
            }
            looked = self.buffer.len().saturating_sub(mark.len()).max(from);
            self.read_more().await?;
        }
    }

    async fn read_more(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the connection was closed");
        }
        Ok(())
    }
}

fn status_of(head: &[u8]) -> Result<u16> {
    let status = head.get(9..12).context("an answer without a status")?;
    Ok(std::str::from_utf8(status)?.parse()?)
}

/// A number in a header whose name is written in lower case, as hyper does.
pub(crate) fn header(head: &[u8], name: &[u8]) -> Option<usize> {
    let at = memmem::find(head, name)? + name.len();
    let end = memchr::memchr(b'\r', &head[at..])?;
    std::str::from_utf8(&head[at..at + end]).ok()?.parse().ok()
}
