//! Files in and out of a task. Going in: [`Upload`] takes what a request brings into a staging
//! directory of its own, unpacks archives there, and moves all of it into the workspace before the
//! task or message that it came with is written. Going out: [`Artifact`]s are listed, and read
//! from the very descriptor that was checked.
//!
//! Nothing here trusts a name, a size or an archive: names are made safe in `names`, archives are
//! counted while they are inflated, and the workspace is touched through [`sandbox::Workspace`]
//! only. All work on disk is done on threads that may block.

mod artifact;
mod disk;
mod folder;
mod names;
mod orphans;
mod place;
mod staging;
mod unpack;
mod upload;

pub use artifact::{Artifact, ArtifactFile, Artifacts};
pub(crate) use disk::blocking;
pub use folder::ArtifactFolder;
pub(crate) use orphans::Orphans;
pub(crate) use place::{Made, Placed, WorkspacePlace};
pub(crate) use staging::Staging;
pub use upload::{FileSink, MAX_FILE_BYTES, MAX_FILES, ReceivedFile, Upload};
