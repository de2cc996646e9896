//! Files in and out of a task. Going in: [`Upload`] takes what a request brings into a staging
//! directory of its own, unpacks archives there, and moves all of it into the workspace before the
//! task or message that it came with is written. Going out: [`Artifact`]s are listed, and read
//! from the very descriptor that was checked.
//!
//! Nothing here trusts a name, a size or an archive: names are made safe in `names`, archives are
//! counted while they are inflated, and the workspace is touched through [`sandbox::Workspace`]
//! only. All work on disk is done on threads that may block.

mod artifact;
mod folder;
mod names;
mod orphans;
mod place;
mod staging;
mod unpack;
mod upload;

pub use artifact::{Artifact, ArtifactFile, Artifacts};
pub use folder::ArtifactFolder;
pub(crate) use orphans::Orphans;
pub(crate) use place::{Made, Placed, WorkspacePlace};
pub(crate) use staging::Staging;
pub use upload::{FileSink, MAX_FILE_BYTES, MAX_FILES, ReceivedFile, Upload};

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
fn disk(error: FileError) -> crate::Error {
    crate::Error::Disk(io::Error::other(error))
}
