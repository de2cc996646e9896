//! Making and removing. No link is followed here, not even one that stays inside.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::open::{Links, open};
use super::workspace::io_error;
use super::{EntryKind, FileError, Workspace, WorkspacePath};

/// Names tried for a temporary file.
const TRIES: usize = 8;

/// A file being written under a temporary name. It appears under its own name, whole, with
/// [`Self::commit`]; dropped before, it leaves nothing.
#[derive(Debug)]
pub struct FileWriter {
    directory: OwnedFd,
    temporary: String,
    name: String,
    path: WorkspacePath,
    file: File,
    done: bool,
}

impl FileWriter {
    /// Puts the file in its place, replacing a file or link of that name.
    ///
    /// # Errors
    /// [`FileError::NotRegular`] when a directory has the name.
    pub fn commit(mut self) -> Result<(), FileError> {
        self.publish()
    }

    /// As [`Self::commit`], for a file that grows: what is written from now on is seen under its
    /// name at once, and nothing takes back what was.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn publish(&mut self) -> Result<(), FileError> {
        renameat(
            &self.directory,
            &self.temporary,
            &self.directory,
            &self.name,
        )
        .map_err(|error| FileError::of(self.path.as_str(), error))?;
        self.done = true;
        Ok(())
    }
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        if !self.done {
            // Nothing can be done about a file that stays behind in a directory that is gone.
            let _ = unlinkat(&self.directory, &self.temporary, AtFlags::empty());
        }
    }
}

impl Workspace {
    /// Starts writing a file, making the directories on the way. The permission bits of a file
    /// that is there are kept.
    ///
    /// # Errors
    /// [`FileError`]: a link on the way, a file where a directory should be, no space.
    pub fn writer(&self, path: &WorkspacePath) -> Result<FileWriter, FileError> {
        let Some(parent) = path.parent() else {
            return Err(FileError::NotRegular {
                path: String::new(),
            });
        };
        let fail = |error| FileError::of(path.as_str(), error);
        let directory = self.make_directory(&parent)?;
        let mode = match statat(&directory, path.name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => match EntryKind::of(&stat) {
                EntryKind::File => Mode::from_raw_mode(stat.st_mode & 0o777),
                EntryKind::Directory => return Err(fail(Errno::ISDIR)),
                // Replaced as a whole, whatever it is.
                EntryKind::Link | EntryKind::Other => Mode::from_raw_mode(0o644),
            },
            Err(Errno::NOENT) => Mode::from_raw_mode(0o644),
            Err(error) => return Err(fail(error)),
        };
        let (temporary, descriptor) = make_temporary(&directory, path)?;
        let writer = FileWriter {
            directory,
            temporary,
            name: path.name().to_owned(),
            path: path.clone(),
            file: File::from(descriptor),
            done: false,
        };
        rustix::fs::fchmod(&writer.file, mode).map_err(fail)?;
        self.give(writer.file.as_fd()).map_err(fail)?;
        Ok(writer)
    }

    /// Writes a whole file.
    ///
    /// # Errors
    /// Those of [`Self::writer`] and of writing.
    pub fn write(&self, path: &WorkspacePath, bytes: &[u8]) -> Result<(), FileError> {
        let mut writer = self.writer(path)?;
        writer
            .write_all(bytes)
            .map_err(|source| io_error(path, source))?;
        writer.commit()
    }

    /// Makes a directory and those above it; returns a descriptor of it.
    ///
    /// # Errors
    /// [`FileError::PathEscapes`] when a link is on the way.
    pub(super) fn make_directory(&self, path: &WorkspacePath) -> Result<OwnedFd, FileError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let enter = |path: &_| open(self.root.as_fd(), path, flags, Mode::empty(), Links::Refuse);
        let missing = match enter(path) {
            Err(error @ FileError::NotFound { .. }) => error,
            other => return other,
        };
        let parent = self.make_directory(&path.parent().ok_or(missing)?)?;
        let fail = |error| FileError::of(path.as_str(), error);
        match mkdirat(&parent, path.name(), Mode::from_raw_mode(0o755)) {
            Ok(()) => {
                let made = enter(path)?;
                self.give(made.as_fd()).map_err(fail)?;
                Ok(made)
            }
            Err(Errno::EXIST) => enter(path),
            Err(error) => Err(fail(error)),
        }
    }

    /// Makes a directory and those above it.
    ///
    /// # Errors
    /// [`FileError::PathEscapes`] when a link is on the way.
    pub fn create_directory(&self, path: &WorkspacePath) -> Result<(), FileError> {
        self.make_directory(path).map(drop)
    }

    /// Removes a file, a link (not what it leads to) or an empty directory.
    ///
    /// # Errors
    /// [`FileError::NotFound`]; [`FileError::Io`] for a directory that is not empty.
    pub fn remove(&self, path: &WorkspacePath) -> Result<(), FileError> {
        let (parent, fail) = self.parent_of(path)?;
        match unlinkat(&parent, path.name(), AtFlags::empty()) {
            Err(Errno::ISDIR) => unlinkat(&parent, path.name(), AtFlags::REMOVEDIR).map_err(fail),
            result => result.map_err(fail),
        }
    }

    /// Moves a file or directory within the workspace, replacing a file at the new place.
    ///
    /// # Errors
    /// [`FileError`] when either place cannot be reached without links.
    pub fn rename(&self, from: &WorkspacePath, to: &WorkspacePath) -> Result<(), FileError> {
        let (source, fail) = self.parent_of(from)?;
        let Some(parent) = to.parent() else {
            return Err(FileError::NotRegular {
                path: String::new(),
            });
        };
        let target = self.make_directory(&parent)?;
        renameat(&source, from.name(), &target, to.name()).map_err(fail)
    }

    pub(super) fn parent_of<'a>(
        &self,
        path: &'a WorkspacePath,
    ) -> Result<(OwnedFd, impl Fn(Errno) -> FileError + 'a), FileError> {
        let Some(parent) = path.parent() else {
            return Err(FileError::NotRegular {
                path: String::new(),
            });
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let parent = open(
            self.root.as_fd(),
            &parent,
            flags,
            Mode::empty(),
            Links::Refuse,
        )?;
        Ok((parent, move |error| FileError::of(path.as_str(), error)))
    }
}

/// A new file that nobody else has opened or can have prepared.
pub(super) fn make_temporary(
    directory: &OwnedFd,
    path: &WorkspacePath,
) -> Result<(String, OwnedFd), FileError> {
    let mut failure = Errno::EXIST;
    for _ in 0..TRIES {
        let name = temporary_name();
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(directory, &name, flags, Mode::from_raw_mode(0o600)) {
            Ok(descriptor) => return Ok((name, descriptor)),
            Err(error) => failure = error,
        }
        if failure != Errno::EXIST {
            break;
        }
    }
    Err(FileError::of(path.as_str(), failure))
}

/// A name that nothing else has.
pub(super) fn temporary_name() -> String {
    let mut random = [0_u8; 8];
    // Chance only saves tries: whoever makes a file by this name asks for it to be new.
    let _ = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty());
    format!(".sigmic-{:016x}", u64::from_ne_bytes(random))
}
