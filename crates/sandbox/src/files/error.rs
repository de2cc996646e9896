//! What can go wrong with a file.

use std::io;

/// Why a file of the workspace could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The path leads, or a link on the way leads, out of the workspace.
    #[error("`{path}` leads out of the workspace")]
    PathEscapes {
        /// The path as it was asked for.
        path: String,
    },
    /// A name that no file can have.
    #[error("`{path}` is not a usable path: {reason}")]
    BadName {
        /// The path as it was asked for.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nothing is there.
    #[error("`{path}` does not exist")]
    NotFound {
        /// The path inside the workspace.
        path: String,
    },
    /// It is a pipe, a device, a socket, or a directory where a file is wanted.
    #[error("`{path}` is not a regular file")]
    NotRegular {
        /// The path inside the workspace.
        path: String,
    },
    /// It is not a directory.
    #[error("`{path}` is not a directory")]
    NotDirectory {
        /// The path inside the workspace.
        path: String,
    },
    /// More bytes or entries than the caller takes.
    #[error("`{path}` is larger than {limit}")]
    TooLarge {
        /// The path inside the workspace.
        path: String,
        /// The caller's limit.
        limit: u64,
    },
    /// The operating system refused.
    #[error("`{path}` could not be used")]
    Io {
        /// The path inside the workspace.
        path: String,
        /// The error.
        #[source]
        source: io::Error,
    },
}

impl FileError {
    /// Gives an error of the kernel its meaning for `path`.
    pub(super) fn of(path: &str, error: rustix::io::Errno) -> Self {
        use rustix::io::Errno;
        let path = path.to_owned();
        match error {
            Errno::XDEV | Errno::LOOP => Self::PathEscapes { path },
            Errno::NOENT => Self::NotFound { path },
            Errno::NOTDIR => Self::NotDirectory { path },
            // A socket, or a device without a driver.
            Errno::ISDIR | Errno::NXIO | Errno::NODEV => Self::NotRegular { path },
            Errno::NAMETOOLONG => Self::BadName {
                path,
                reason: "a name in it is too long",
            },
            other => Self::Io {
                path,
                source: other.into(),
            },
        }
    }
}
