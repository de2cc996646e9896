//! The output of a command: what is shown, what is kept, what is only counted.

use std::collections::VecDeque;
use std::io::Write;

use model::WIRE_OUTPUT_BYTES;

use crate::{FileError, FileWriter, SandboxError, Workspace, WorkspacePath};

/// Bytes kept in the workspace.
const KEPT_BYTES: usize = 8 << 20;
/// Bytes gathered before they are written out.
const CHUNK_BYTES: usize = 256 << 10;
/// Bytes after which a command is ended.
pub(super) const TOO_MUCH_BYTES: u64 = 4 << 30;

/// Takes output in and forgets its middle.
#[derive(Debug)]
pub(super) struct Collector {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    pub(super) total: u64,
    keep: Keep,
}

/// What becomes of output that is too large to be shown.
#[derive(Debug)]
enum Keep {
    /// Nothing: it is cut only, or writing it failed.
    Nothing,
    /// Gathered until it is clear that it is too large.
    Gathering(Workspace, WorkspacePath, Vec<u8>),
    /// Being written; the bytes are those not yet written, the number those that were.
    Writing(Box<FileWriter>, WorkspacePath, Vec<u8>, usize),
}

impl Collector {
    /// `keep`: where the whole of a large output goes.
    pub(super) fn new(keep: Option<(Workspace, WorkspacePath)>) -> Self {
        Self {
            head: Vec::new(),
            tail: VecDeque::new(),
            total: 0,
            keep: keep.map_or(Keep::Nothing, |(workspace, path)| {
                Keep::Gathering(workspace, path, Vec::new())
            }),
        }
    }

    /// Takes in what came.
    pub(super) async fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        let half = WIRE_OUTPUT_BYTES / 2;
        let (first, rest) = bytes.split_at(bytes.len().min(half - self.head.len()));
        self.head.extend_from_slice(first);
        let rest = rest.get(rest.len().saturating_sub(half)..).unwrap_or(rest);
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(half);
        self.tail.drain(..excess);
        self.keep(bytes).await;
    }

    async fn keep(&mut self, bytes: &[u8]) {
        match &mut self.keep {
            Keep::Nothing => {}
            Keep::Gathering(_, _, gathered) => {
                gathered.extend_from_slice(bytes);
                if gathered.len() > WIRE_OUTPUT_BYTES {
                    self.start_writing().await;
                }
            }
            Keep::Writing(_, _, pending, written) => {
                let room = KEPT_BYTES - *written - pending.len();
                pending.extend_from_slice(&bytes[..bytes.len().min(room)]);
                if pending.len() >= CHUNK_BYTES {
                    self.write_pending().await;
                }
            }
        }
    }

    async fn start_writing(&mut self) {
        let Keep::Gathering(workspace, path, gathered) =
            std::mem::replace(&mut self.keep, Keep::Nothing)
        else {
            return;
        };
        let opened = blocking(move || workspace.writer(&path).map(|writer| (writer, path))).await;
        // A workspace that cannot take the output (full, hostile) costs the copy, not the result.
        if let Some((writer, path)) = opened {
            self.keep = Keep::Writing(Box::new(writer), path, gathered, 0);
        }
    }

    async fn write_pending(&mut self) {
        let Keep::Writing(mut writer, path, pending, written) =
            std::mem::replace(&mut self.keep, Keep::Nothing)
        else {
            return;
        };
        let written = written + pending.len();
        let done = blocking(move || {
            let result = writer.write_all(&pending);
            result.map(|()| writer).map_err(|source| FileError::Io {
                path: String::new(),
                source,
            })
        })
        .await;
        if let Some(writer) = done {
            self.keep = Keep::Writing(writer, path, Vec::new(), written);
        }
    }

    /// The text to show and where the whole is, if it was kept.
    pub(super) async fn finish(mut self) -> (String, Option<WorkspacePath>) {
        let mut saved = None;
        self.write_pending().await;
        if let Keep::Writing(writer, path, _, _) = std::mem::replace(&mut self.keep, Keep::Nothing)
            && blocking(move || writer.commit()).await.is_some()
        {
            saved = Some(path);
        }
        (self.text(), saved)
    }

    fn text(self) -> String {
        let shown = (self.head.len() + self.tail.len()) as u64;
        let left_out = self.total - shown;
        let mut bytes = self.head;
        let tail = Vec::from(self.tail);
        if left_out == 0 {
            bytes.extend_from_slice(&tail);
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        format!(
            "{}\n[… {left_out} bytes left out …]\n{}",
            String::from_utf8_lossy(&bytes),
            String::from_utf8_lossy(&tail)
        )
    }
}

/// Does something with files off the runtime's threads. Absent: it failed.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Some(value),
        Ok(Err(_)) | Err(_) => None,
    }
}

/// The path under which the output `id` is kept.
pub(super) fn output_path(id: &str) -> Result<WorkspacePath, SandboxError> {
    let fits = !id.is_empty()
        && id.len() <= 100
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !fits {
        return Err(SandboxError::Invalid(
            "an output id is made of 1 to 100 letters, digits, `-` and `_`",
        ));
    }
    Ok(WorkspacePath::parse(&format!(".sigmic/outputs/{id}.txt"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_middle_is_left_out_and_counted() {
        let mut collector = Collector::new(None);
        collector.push(b"start").await;
        for _ in 0..40 {
            collector.push(&[b'x'; 10_000]).await;
        }
        collector.push(b"end").await;
        let (text, saved) = collector.finish().await;
        assert!(text.starts_with("start") && text.ends_with("end"));
        let left_out = 400_008 - WIRE_OUTPUT_BYTES;
        assert!(text.contains(&format!("[… {left_out} bytes left out …]")));
        assert_eq!(saved, None);
    }

    #[tokio::test]
    async fn what_is_not_text_is_replaced() {
        let mut collector = Collector::new(None);
        collector.push(b"a\xFFb").await;
        assert_eq!(collector.finish().await.0, "a\u{FFFD}b");
    }

    #[test]
    fn an_output_id_is_no_path() {
        assert_eq!(
            output_path("call-1").unwrap().as_str(),
            ".sigmic/outputs/call-1.txt"
        );
        for id in ["", "../x", "a/b", "a.b", "ü"] {
            assert!(output_path(id).is_err(), "{id}");
        }
    }
}
