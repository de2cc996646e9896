//! Looking through a tree, within limits.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Dir, Mode, OFlags, statat};

use super::open::{Links, open};
use super::{EntryKind, FileError, FileStat, Workspace, WorkspacePath};

/// How much of a tree is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkLimits {
    /// Entries in all.
    pub entries: usize,
    /// Directories below the start.
    pub depth: usize,
}

impl Default for WalkLimits {
    fn default() -> Self {
        Self {
            entries: 100_000,
            depth: 64,
        }
    }
}

/// One thing in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkEntry {
    /// Where it is.
    pub path: WorkspacePath,
    /// What it is; links are neither followed nor entered.
    pub stat: FileStat,
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Walk {
    /// Everything found, directories before what is in them.
    pub entries: Vec<WalkEntry>,
    /// Names that are not UTF-8, which cannot be given as a path.
    pub unnamed: usize,
    /// Whether a limit cut the walk short.
    pub cut: bool,
}

impl Workspace {
    /// Everything below `start` for which `enter` says yes (asked for each entry; a directory it
    /// refuses is not entered).
    ///
    /// # Errors
    /// [`FileError`] when `start` is no directory. What disappears meanwhile is left out.
    pub fn walk(
        &self,
        start: &WorkspacePath,
        limits: WalkLimits,
        mut enter: impl FnMut(&WorkspacePath, EntryKind) -> bool,
    ) -> Result<Walk, FileError> {
        let mut walk = Walk::default();
        let mut waiting = vec![(start.clone(), 0)];
        let mut first = true;
        while let Some((directory, depth)) = waiting.pop() {
            let step = self.walk_one(&directory, limits, &mut walk, &mut enter);
            match step {
                Err(error) if first => return Err(error),
                Err(_) => {}
                Ok(found) if depth < limits.depth => {
                    waiting.extend(found.into_iter().map(|path| (path, depth + 1)));
                }
                Ok(found) => walk.cut |= !found.is_empty(),
            }
            first = false;
            if walk.entries.len() >= limits.entries {
                walk.cut = true;
                break;
            }
        }
        Ok(walk)
    }

    /// Adds the entries of one directory; returns the directories among them.
    fn walk_one(
        &self,
        path: &WorkspacePath,
        limits: WalkLimits,
        walk: &mut Walk,
        enter: &mut impl FnMut(&WorkspacePath, EntryKind) -> bool,
    ) -> Result<Vec<WorkspacePath>, FileError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let directory = open(self.root.as_fd(), path, flags, Mode::empty(), Links::Refuse)?;
        let fail = |error| FileError::of(path.as_str(), error);
        let mut found = Vec::new();
        for entry in Dir::read_from(&directory).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let Ok(stat) = statat(&directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let Ok(name) = entry.file_name().to_str() else {
                walk.unnamed += 1;
                continue;
            };
            let (child, stat) = (path.child(name), FileStat::of(&stat));
            if !enter(&child, stat.kind) {
                continue;
            }
            if walk.entries.len() >= limits.entries {
                break;
            }
            if stat.kind == EntryKind::Directory {
                found.push(child.clone());
            }
            walk.entries.push(WalkEntry { path: child, stat });
        }
        Ok(found)
    }
}
