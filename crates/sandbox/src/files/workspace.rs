//! The directory of a task.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Stat, Uid, fstat, statat};

use super::open::{Links, open};
use super::{FileError, WorkspacePath};

/// Whose the files of a workspace are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The server's own user: it is not root and can give files to nobody else.
    Server,
    /// A user and group of the workspace's own, never 0.
    User(u32),
}

impl Owner {
    /// The kernel's id, where it is another than the server's.
    pub(crate) fn id(self) -> Option<u32> {
        match self {
            Self::Server => None,
            Self::User(id) => Some(id),
        }
    }
}

/// What kind of thing a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, wherever it leads.
    Link,
    /// A pipe, socket or device.
    Other,
}

impl EntryKind {
    pub(super) fn of(stat: &Stat) -> Self {
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind.is_file() {
            Self::File
        } else if kind.is_dir() {
            Self::Directory
        } else if kind.is_symlink() {
            Self::Link
        } else {
            Self::Other
        }
    }
}

/// What is known about a file without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStat {
    /// Its kind.
    pub kind: EntryKind,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// When it was last written.
    pub modified_at: model::Timestamp,
    /// Permission bits.
    pub mode: u32,
    /// Which file of its file system it is: a file put in its place is another one.
    pub inode: u64,
    /// When it was last written, in nanoseconds since the Unix epoch.
    pub modified_ns: i64,
}

impl FileStat {
    pub(super) fn of(stat: &Stat) -> Self {
        let seconds = stat.st_mtime;
        let nanoseconds = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
        Self {
            kind: EntryKind::of(stat),
            size_bytes: u64::try_from(stat.st_size).unwrap_or(0),
            modified_at: model::Timestamp::from_millis(
                seconds
                    .saturating_mul(1_000)
                    .saturating_add(nanoseconds / 1_000_000),
            ),
            mode: stat.st_mode & 0o777,
            inode: stat.st_ino,
            modified_ns: seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(nanoseconds),
        }
    }
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The name; a part that is not UTF-8 is replaced.
    pub name: String,
    /// What it is; links are not followed.
    pub stat: FileStat,
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRange {
    /// The bytes from the offset asked for.
    pub bytes: Vec<u8>,
    /// Size of the whole file when it was opened.
    pub size_bytes: u64,
}

/// The directory of a task on the host, seen inside as `/workspace`.
///
/// All functions block. They are safe against processes that change the directory meanwhile.
#[derive(Debug)]
pub struct Workspace {
    pub(super) root: OwnedFd,
    path: PathBuf,
    pub(super) owner: Owner,
}

impl Workspace {
    /// Opens the workspace at `path`, making it first if it is not there: mode 0700, owned by
    /// `owner`, with `.sigmic/` and, unless something else has these names, `uploads/` and
    /// `downloads/`.
    ///
    /// # Errors
    /// [`FileError`] when the directory cannot be made, opened or given to its owner.
    pub fn create(path: &Path, owner: Owner) -> Result<Self, FileError> {
        let text = path.to_string_lossy().into_owned();
        let fail = |error| FileError::of(&text, error);
        match rustix::fs::mkdirat(CWD, path, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(fail(error)),
        }
        let workspace = Self::open(path, owner)?;
        workspace.give(workspace.root.as_fd()).map_err(fail)?;
        rustix::fs::fchmod(&workspace.root, Mode::RWXU).map_err(fail)?;
        for name in [".sigmic/outputs", ".sigmic/home"] {
            workspace.make_directory(&WorkspacePath::parse(name)?)?;
        }
        for name in ["uploads", "downloads"] {
            match workspace.make_directory(&WorkspacePath::parse(name)?) {
                // The agent put something else in its place: its tools must go on working.
                Ok(_) | Err(FileError::PathEscapes { .. } | FileError::NotDirectory { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(workspace)
    }

    /// Opens the workspace at `path`.
    ///
    /// # Errors
    /// [`FileError`] when it is not a directory or cannot be opened.
    pub fn open(path: &Path, owner: Owner) -> Result<Self, FileError> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, path, flags, Mode::empty())
            .map_err(|error| FileError::of(&path.to_string_lossy(), error))?;
        Ok(Self {
            root,
            path: path.to_owned(),
            owner,
        })
    }

    /// Where it is on the host.
    pub fn host_path(&self) -> &Path {
        &self.path
    }

    /// Whose its files are.
    pub fn owner(&self) -> Owner {
        self.owner
    }

    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Opens a regular file for reading, for a caller that streams it. The size is the one at the
    /// time of opening; the file may change while it is read.
    ///
    /// # Errors
    /// [`FileError::NotRegular`] for anything but a regular file, and those of the kernel.
    pub fn open_file(&self, path: &WorkspacePath) -> Result<(File, FileStat), FileError> {
        let descriptor = open(
            self.root.as_fd(),
            path,
            OFlags::RDONLY,
            Mode::empty(),
            Links::Follow,
        )?;
        let fail = |error| FileError::of(path.as_str(), error);
        let stat = fstat(&descriptor).map_err(fail)?;
        if EntryKind::of(&stat) != EntryKind::File {
            return Err(FileError::NotRegular {
                path: path.as_str().to_owned(),
            });
        }
        Ok((File::from(descriptor), FileStat::of(&stat)))
    }

    /// Reads a whole file of at most `limit` bytes.
    ///
    /// # Errors
    /// [`FileError::TooLarge`] when it has more, and those of [`Self::open_file`].
    pub fn read(&self, path: &WorkspacePath, limit: u64) -> Result<Vec<u8>, FileError> {
        let (file, stat) = self.open_file(path)?;
        let too_large = || FileError::TooLarge {
            path: path.as_str().to_owned(),
            limit,
        };
        if stat.size_bytes > limit {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|source| io_error(path, source))?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
            return Err(too_large());
        }
        Ok(bytes)
    }

    /// Reads at most `limit` bytes from `offset`.
    ///
    /// # Errors
    /// Those of [`Self::open_file`].
    pub fn read_range(
        &self,
        path: &WorkspacePath,
        offset: u64,
        limit: u64,
    ) -> Result<FileRange, FileError> {
        let (mut file, stat) = self.open_file(path)?;
        let fail = |source| io_error(path, source);
        file.seek(SeekFrom::Start(offset)).map_err(fail)?;
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes).map_err(fail)?;
        Ok(FileRange {
            bytes,
            size_bytes: stat.size_bytes,
        })
    }

    /// What `path` is. A link at its end is not followed.
    ///
    /// # Errors
    /// [`FileError::NotFound`] when there is nothing.
    pub fn stat(&self, path: &WorkspacePath) -> Result<FileStat, FileError> {
        let descriptor = open(
            self.root.as_fd(),
            path,
            OFlags::PATH | OFlags::NOFOLLOW,
            Mode::empty(),
            Links::Follow,
        )?;
        let stat = fstat(&descriptor).map_err(|error| FileError::of(path.as_str(), error))?;
        Ok(FileStat::of(&stat))
    }

    /// The names in a directory, sorted, at most `limit`.
    ///
    /// # Errors
    /// [`FileError::TooLarge`] when there are more, [`FileError::NotDirectory`].
    pub fn list(
        &self,
        path: &WorkspacePath,
        limit: usize,
    ) -> Result<Vec<DirectoryEntry>, FileError> {
        let directory = open(
            self.root.as_fd(),
            path,
            OFlags::RDONLY | OFlags::DIRECTORY,
            Mode::empty(),
            Links::Follow,
        )?;
        let fail = |error| FileError::of(path.as_str(), error);
        let mut entries = Vec::new();
        for entry in Dir::read_from(&directory).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            if entries.len() == limit {
                return Err(FileError::TooLarge {
                    path: path.as_str().to_owned(),
                    limit: u64::try_from(limit).unwrap_or(u64::MAX),
                });
            }
            // Gone between listing and looking: not there.
            let Ok(stat) = statat(&directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            entries.push(DirectoryEntry {
                name: entry.file_name().to_string_lossy().into_owned(),
                stat: FileStat::of(&stat),
            });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Gives what was just made to the workspace's owner.
    pub(super) fn give(&self, descriptor: BorrowedFd<'_>) -> Result<(), rustix::io::Errno> {
        match self.owner.id() {
            None => Ok(()),
            Some(id) => {
                rustix::fs::fchown(descriptor, Some(Uid::from_raw(id)), Some(Gid::from_raw(id)))
            }
        }
    }

    /// Another handle on the same workspace.
    ///
    /// # Errors
    /// [`FileError::Io`] when the process has no descriptor left.
    pub fn try_clone(&self) -> Result<Self, FileError> {
        let root = self
            .root
            .try_clone()
            .map_err(|source| io_error(&WorkspacePath::ROOT, source))?;
        Ok(Self {
            root,
            path: self.path.clone(),
            owner: self.owner,
        })
    }
}

pub(super) fn io_error(path: &WorkspacePath, source: std::io::Error) -> FileError {
    FileError::Io {
        path: path.as_str().to_owned(),
        source,
    }
}
