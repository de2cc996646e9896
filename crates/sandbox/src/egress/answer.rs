//! HTTP as far as the ways out speak it: the head of a request, and an answer instead of a
//! connection.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::EgressError;

/// Largest head of a request.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Time for a client to say what it wants.
pub(super) const HEAD_TIME: Duration = Duration::from_secs(15);

/// What is answered instead of a connection.
pub(super) struct Answer {
    status: &'static str,
    text: String,
}

impl Answer {
    pub(super) fn new(status: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
        }
    }

    /// Sends it and closes.
    pub(super) async fn send(self, client: &mut TcpStream) {
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            self.status,
            self.text.len()
        );
        // The client may have gone; there is nobody else to tell.
        let _ = client.write_all(head.as_bytes()).await;
        let _ = client.write_all(self.text.as_bytes()).await;
        let _ = client.shutdown().await;
    }
}

impl From<EgressError> for Answer {
    fn from(error: EgressError) -> Self {
        match error {
            EgressError::Refused { .. } => Self::new(
                "403 Forbidden",
                format!("blocked by the sandbox's network policy: {error}\n"),
            ),
            EgressError::BadHost(_) => Self::new("400 Bad Request", format!("{error}\n")),
            EgressError::Resolve { .. } | EgressError::Connect { .. } => {
                Self::new("502 Bad Gateway", format!("{error}\n"))
            }
        }
    }
}

/// The head up to its empty line, and what came behind it.
pub(super) async fn read_head(client: &mut TcpStream) -> Result<(Vec<u8>, Vec<u8>), Answer> {
    timeout(HEAD_TIME, read_to_empty_line(client))
        .await
        .map_err(|_| Answer::new("408 Request Timeout", "the request did not come"))?
}

async fn read_to_empty_line(client: &mut TcpStream) -> Result<(Vec<u8>, Vec<u8>), Answer> {
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
