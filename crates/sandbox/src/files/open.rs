//! The one place that opens something in a workspace.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use super::{FileError, WorkspacePath};

/// How often a look-up that raced with a rename is tried again.
const TRIES: usize = 64;

/// What links on the way may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// They are followed as long as they stay beneath the workspace.
    Follow,
    /// There must be none.
    Refuse,
}

/// Opens `path` beneath `root`.
pub(super) fn open(
    root: BorrowedFd<'_>,
    path: &WorkspacePath,
    flags: OFlags,
    mode: Mode,
    links: Links,
) -> Result<OwnedFd, FileError> {
    // The kernel refuses the other two with O_PATH, which opens nothing that could block.
    let harmless = if flags.contains(OFlags::PATH) {
        OFlags::CLOEXEC
    } else {
        OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY
    };
    let flags = flags | harmless;
    let resolve = ResolveFlags::BENEATH
        | match links {
            Links::Follow => ResolveFlags::NO_MAGICLINKS,
            Links::Refuse => ResolveFlags::NO_SYMLINKS,
        };
    let mut result = Err(Errno::AGAIN);
    for _ in 0..TRIES {
        result = openat2(root, path.for_kernel(), flags, mode, resolve);
        if !matches!(result, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    result.map_err(|error| FileError::of(path.as_str(), error))
}
