//! Taking files of the server's own into a workspace.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, linkat, renameat_with, unlinkat};
use rustix::io::Errno;

use super::open::{Links, open};
use super::workspace::io_error;
use super::write::make_temporary;
use super::{FileError, Workspace, WorkspacePath};

/// Whether a file found its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// It is there now.
    Moved,
    /// Something else has the name; the file is where it was.
    NameTaken,
}

impl Workspace {
    /// Moves a regular file from elsewhere on the host to `to`, making the directories on the way,
    /// and gives it to the workspace's owner. Nothing is ever replaced and no link is followed.
    /// Where the two are on different file systems the file is copied.
    ///
    /// # Errors
    /// [`FileError::NotDirectory`] or [`FileError::PathEscapes`] when something other than a
    /// directory is on the way; [`FileError::Io`] otherwise.
    pub fn adopt(&self, file: &Path, to: &WorkspacePath) -> Result<Adopted, FileError> {
        let Some(parent) = to.parent() else {
            return Err(FileError::NotRegular {
                path: String::new(),
            });
        };
        let fail = |error| FileError::of(to.as_str(), error);
        let directory = self.make_directory(&parent)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let source = rustix::fs::openat(CWD, file, flags, Mode::empty()).map_err(fail)?;
        self.prepare(&source).map_err(fail)?;
        match renameat_with(CWD, file, &directory, to.name(), RenameFlags::NOREPLACE) {
            Ok(()) => Ok(Adopted::Moved),
            Err(Errno::EXIST) => Ok(Adopted::NameTaken),
            Err(Errno::XDEV | Errno::INVAL) => self.copy(File::from(source), &directory, to, file),
            Err(error) => Err(fail(error)),
        }
    }

    /// The long way, for two file systems, or one that cannot rename without replacing.
    fn copy(
        &self,
        mut source: File,
        directory: &OwnedFd,
        to: &WorkspacePath,
        file: &Path,
    ) -> Result<Adopted, FileError> {
        let fail = |error| FileError::of(to.as_str(), error);
        let (temporary, descriptor) = make_temporary(directory, to)?;
        let moved = (|| {
            let mut target = File::from(descriptor);
            io::copy(&mut source, &mut target).map_err(|source| io_error(to, source))?;
            target.sync_data().map_err(|source| io_error(to, source))?;
            self.prepare(&target).map_err(fail)?;
            match linkat(
                directory,
                &temporary,
                directory,
                to.name(),
                AtFlags::empty(),
            ) {
                Ok(()) => Ok(Adopted::Moved),
                Err(Errno::EXIST) => Ok(Adopted::NameTaken),
                Err(error) => Err(fail(error)),
            }
        })();
        // Whatever happened, only the name asked for may stay.
        let _ = unlinkat(directory, &temporary, AtFlags::empty());
        if matches!(moved, Ok(Adopted::Moved)) {
            unlinkat(CWD, file, AtFlags::empty()).map_err(fail)?;
        }
        moved
    }

    fn prepare(&self, file: impl AsFd) -> Result<(), Errno> {
        rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644))?;
        self.give(file.as_fd())
    }

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// [`FileError`] when it is no directory, or is reached through a link.
    pub fn sync_directory(&self, path: &WorkspacePath) -> Result<(), FileError> {
        let fail = |error| FileError::of(path.as_str(), error);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let directory = open(self.root.as_fd(), path, flags, Mode::empty(), Links::Refuse)?;
        rustix::fs::fsync(&directory).map_err(fail)
    }

    /// Makes everything durable that lies on the workspace's file system: for many files at once
    /// this is quicker than each by itself.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn sync_file_system(&self) -> Result<(), FileError> {
        rustix::fs::syncfs(&self.root).map_err(|error| FileError::of("", error))
    }
}
