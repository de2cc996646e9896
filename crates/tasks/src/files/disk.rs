//! Work on disk, kept off the threads that may not block.

use std::io;

use sandbox::FileError;

/// Runs `work` on a thread that may block.
pub(crate) async fn blocking<T, F>(work: F) -> T
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// A file error that is nobody's request.
pub(super) fn disk(error: FileError) -> crate::Error {
    crate::Error::Disk(io::Error::other(error))
}
