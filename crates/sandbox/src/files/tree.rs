//! Whole trees: counting and removing, however deep, wide or strangely named they are.
//!
//! Both go down by descriptors, one name at a time and never through a link, so neither the
//! length of a path nor a rename on the way matters.

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::write::temporary_name;
use super::{EntryKind, FileError, Workspace, WorkspacePath};

/// Directories entered below each other: one descriptor each.
const MAX_DEPTH: usize = 64;
/// Entries counted.
const MAX_ENTRIES: u64 = 2_000_000;

/// What a workspace takes on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskUsage {
    /// Bytes of storage, so that the holes of a sparse file do not count.
    pub bytes: u64,
    /// Files, directories and links.
    pub entries: u64,
    /// Whether there is more: over two million entries, or deeper than 64 directories.
    pub cut: bool,
}

impl Workspace {
    /// Counts what the workspace takes on disk.
    ///
    /// # Errors
    /// [`FileError`] when the workspace itself cannot be read.
    pub fn usage(&self) -> Result<DiskUsage, FileError> {
        let mut usage = DiskUsage::default();
        count(&self.root, 0, &mut usage).map_err(|error| FileError::of("", error))?;
        Ok(usage)
    }

    /// Removes a directory with everything in it, or a file or link.
    ///
    /// # Errors
    /// [`FileError::NotFound`]; [`FileError::Io`] when somebody fills it meanwhile.
    pub fn remove_all(&self, path: &WorkspacePath) -> Result<(), FileError> {
        let (parent, fail) = self.parent_of(path)?;
        let name = CString::new(path.name()).map_err(|_| fail(Errno::INVAL))?;
        self.remove_tree(&parent, &name).map_err(fail)
    }

    /// Removes the workspace itself. Its sandbox must have been destroyed.
    ///
    /// # Errors
    /// [`FileError::Io`] when something in it cannot be removed.
    pub fn delete(self) -> Result<(), FileError> {
        let fail = |error| FileError::of("", error);
        for entry in names(&self.root).map_err(fail)? {
            self.remove_tree(&self.root, &entry).map_err(fail)?;
        }
        unlinkat(CWD, self.host_path(), AtFlags::REMOVEDIR).map_err(fail)
    }

    fn remove_tree(&self, parent: &OwnedFd, name: &CStr) -> Result<(), Errno> {
        let mut deep = Vec::new();
        self.remove_one(parent, name, 0, &mut deep)?;
        while let Some(name) = deep.pop() {
            self.remove_one(&self.root, &name, 0, &mut deep)?;
        }
        Ok(())
    }

    /// Removes `name`. What lies too deep is moved up to the root and added to `deep`.
    fn remove_one(
        &self,
        parent: &OwnedFd,
        name: &CStr,
        depth: usize,
        deep: &mut Vec<CString>,
    ) -> Result<(), Errno> {
        match unlinkat(parent, name, AtFlags::empty()) {
            // The second is what POSIX wants for a directory, and some file systems do.
            Err(Errno::ISDIR | Errno::PERM) => {}
            result => return result,
        }
        let directory = enter(parent, name)?;
        for entry in names(&directory)? {
            if depth < MAX_DEPTH {
                self.remove_one(&directory, &entry, depth + 1, deep)?;
                continue;
            }
            let moved = CString::new(temporary_name()).map_err(|_| Errno::INVAL)?;
            renameat(&directory, &entry, &self.root, &moved)?;
            deep.push(moved);
        }
        unlinkat(parent, name, AtFlags::REMOVEDIR)
    }
}

/// Opens the directory `name`, which is no link, even if its owner may not read it.
fn enter(parent: &OwnedFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || openat(parent, name, flags | OFlags::RDONLY, Mode::empty());
    match open() {
        Err(Errno::ACCESS) => {
            let found = openat(parent, name, flags | OFlags::PATH, Mode::empty())?;
            let itself = format!("/proc/self/fd/{}", found.as_raw_fd());
            rustix::fs::chmodat(CWD, itself, Mode::RWXU, AtFlags::empty())?;
            open()
        }
        result => result,
    }
}

/// The names in a directory, without `.` and `..`.
fn names(directory: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let mut found = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            found.push(entry.file_name().to_owned());
        }
    }
    Ok(found)
}

fn count(directory: &OwnedFd, depth: usize, usage: &mut DiskUsage) -> Result<(), Errno> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if usage.entries >= MAX_ENTRIES {
            usage.cut = true;
            return Ok(());
        }
        // What is gone meanwhile takes nothing.
        let Ok(stat) = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        usage.entries += 1;
        let blocks = u64::try_from(stat.st_blocks).unwrap_or(0);
        usage.bytes = usage.bytes.saturating_add(blocks.saturating_mul(512));
        if EntryKind::of(&stat) != EntryKind::Directory {
            continue;
        }
        if depth >= MAX_DEPTH {
            usage.cut = true;
        } else if let Ok(below) = enter(directory, name) {
            count(&below, depth + 1, usage)?;
            if stat.st_mode & 0o500 != 0o500 {
                // Opened to be counted: closed again, as its owner left it.
                let _ = rustix::fs::fchmod(&below, Mode::from_raw_mode(stat.st_mode & 0o7777));
            }
        }
    }
    Ok(())
}
