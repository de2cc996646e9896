//! Files of a task, reached from the server while hostile processes may change them.
//!
//! Every access starts at a descriptor of the workspace's directory and is resolved by the kernel
//! beneath it; a path is never looked at first and opened later. What is opened must turn out to
//! be a regular file or a directory. All functions block: call them from a blocking thread.

mod adopt;
mod error;
mod open;
mod path;
mod tree;
mod walk;
mod workspace;
mod write;

pub use adopt::Adopted;
pub use error::FileError;
pub use path::WorkspacePath;
pub use tree::DiskUsage;
pub use walk::{Walk, WalkEntry, WalkLimits};
pub use workspace::{DirectoryEntry, EntryKind, FileRange, FileStat, Owner, Workspace};
pub use write::FileWriter;
