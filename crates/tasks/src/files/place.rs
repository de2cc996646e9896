//! From the staging directory into the workspace.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use model::AttachedFile;
use sandbox::{Adopted, EntryKind, FileError, Owner, Workspace, WorkspacePath};

use super::disk::{blocking, disk};
use super::names::numbered;
use super::upload::Staged;
use crate::{Error, InputError, Upload};

/// Where uploads go.
const UPLOADS: &str = "uploads";
/// Bytes of a block, as the kernel counts them.
const BLOCK_BYTES: u64 = 512;
/// Names tried for one file.
const MAX_TRIES: usize = 10_000;
/// Files that are made durable each by itself.
const MAX_SYNCED: usize = 100;
/// Files that a message tells of at most, and bytes of their paths: the journal and the history
/// hold the list.
const MAX_ATTACHED: usize = 1_000;
const MAX_ATTACHED_BYTES: usize = 256 * 1024;

/// Where a task's files are.
#[derive(Debug, Clone)]
pub(crate) struct WorkspacePlace {
    pub(crate) path: PathBuf,
    pub(crate) owner: Owner,
    /// What it may hold.
    pub(crate) limit_bytes: u64,
}

/// What becomes of the workspace when the files are taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// It was made for these files and goes with them.
    New,
    /// It was there before; only what was added goes.
    Before,
}

/// Files that were put into a workspace for a message that is not written yet.
#[derive(Debug)]
pub(crate) struct Placed {
    workspace: Workspace,
    workspace_made: Made,
    /// In the order in which they were made, directories before what is in them.
    made: Vec<WorkspacePath>,
    attached: Vec<AttachedFile>,
    attached_bytes: usize,
}

impl Placed {
    /// Puts the files of `upload` under `uploads/`, making the workspace if it is not there, unless
    /// it would hold more than it may. They are durable when this returns. On an error nothing
    /// stays.
    pub(crate) async fn place(
        place: WorkspacePlace,
        workspace_made: Made,
        upload: &Upload,
    ) -> Result<Self, Error> {
        let staged = upload.staged().to_vec();
        blocking(move || {
            let workspace = Workspace::create(&place.path, place.owner).map_err(told)?;
            let mut placed = Self {
                workspace,
                workspace_made,
                made: Vec::new(),
                attached: Vec::new(),
                attached_bytes: 0,
            };
            let room = placed.check_room(&staged, place.limit_bytes);
            match room.and_then(|()| placed.take_all(&staged).map_err(told)) {
                Ok(()) => Ok(placed),
                Err(error) => {
                    placed.remove();
                    Err(error)
                }
            }
        })
        .await
    }

    /// What the message tells of them.
    pub(crate) fn attached(&self) -> &[AttachedFile] {
        &self.attached
    }

    /// Removes exactly what was added.
    pub(crate) async fn undo(self) {
        blocking(move || self.remove()).await;
    }

    fn remove(self) {
        if self.workspace_made == Made::New {
            if let Err(error) = self.workspace.delete() {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a workspace could not be removed"
                );
            }
            return;
        }
        for path in self.made.iter().rev() {
            // A directory that somebody put something into stays.
            if let Err(error) = self.workspace.remove(path) {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "a file could not be taken back"
                );
            }
        }
    }

    /// As the sandbox counts: by what the files take on the disk.
    fn check_room(&self, staged: &[Staged], limit_bytes: u64) -> Result<(), Error> {
        let used = self.workspace.usage().map_err(told)?;
        let mut bytes = used.bytes;
        for file in staged.iter().filter_map(|entry| entry.file.as_ref()) {
            let found = std::fs::metadata(file)?;
            // What is not written out yet may have no blocks.
            bytes = bytes.saturating_add(found.len().max(found.blocks() * BLOCK_BYTES));
        }
        let reason = if used.cut {
            "`files`: the task's workspace has more or deeper directories than can be counted, so it takes no more files".to_owned()
        } else if bytes > limit_bytes {
            format!(
                "`files`: the task's workspace would hold more than the {limit_bytes} bytes that it may"
            )
        } else {
            return Ok(());
        };
        Err(InputError::Field(reason).into())
    }

    fn take_all(&mut self, staged: &[Staged]) -> Result<(), FileError> {
        let mut names = Names::default();
        for entry in staged {
            match &entry.file {
                Some(file) => self.take(&mut names, &entry.path, file)?,
                None => self.directory(&mut names, &entry.path).map(drop)?,
            }
        }
        self.sync()
    }

    /// Moves a file to its place, or to the first free one of its numbered names.
    fn take(
        &mut self,
        names: &mut Names,
        path: &str,
        file: &std::path::Path,
    ) -> Result<(), FileError> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = self.directory(names, parent)?;
        for count in names.counts(path) {
            let name = numbered(name, count);
            let target = WorkspacePath::parse(&format!("{}/{name}", parent.as_str()))?;
            if self.workspace.adopt(file, &target)? == Adopted::NameTaken {
                continue;
            }
            names.tried(path, count);
            self.made.push(target.clone());
            self.attached_bytes += target.as_str().len();
            if self.attached.len() < MAX_ATTACHED && self.attached_bytes <= MAX_ATTACHED_BYTES {
                self.attached.push(AttachedFile {
                    name,
                    path: target.as_str().to_owned(),
                });
            }
            return Ok(());
        }
        Err(taken(path))
    }

    /// The directory for `path`, relative to `uploads/`: one that is there, or a new one; numbered
    /// where something else has the name.
    fn directory(&mut self, names: &mut Names, path: &str) -> Result<WorkspacePath, FileError> {
        if path.is_empty() {
            return WorkspacePath::parse(UPLOADS);
        }
        if let Some(known) = names.directories.get(path) {
            return Ok(known.clone());
        }
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = self.directory(names, parent)?;
        for count in 0..MAX_TRIES {
            let name = numbered(name, count);
            let target = WorkspacePath::parse(&format!("{}/{name}", parent.as_str()))?;
            match self.workspace.stat(&target) {
                Ok(stat) if stat.kind == EntryKind::Directory => {}
                Ok(_) => continue,
                Err(FileError::NotFound { .. }) => {
                    self.workspace.create_directory(&target)?;
                    self.made.push(target.clone());
                }
                Err(error) => return Err(error),
            }
            names.directories.insert(path.to_owned(), target.clone());
            return Ok(target);
        }
        Err(taken(path))
    }

    fn sync(&self) -> Result<(), FileError> {
        if self.made.len() > MAX_SYNCED {
            return self.workspace.sync_file_system();
        }
        let mut directories: Vec<WorkspacePath> = Vec::new();
        for path in &self.made {
            match self.workspace.open_file(path) {
                Ok((file, _)) => sync_file(path, &file)?,
                Err(FileError::NotRegular { .. }) => directories.push(path.clone()),
                // Removed already by a process of the task: its own doing.
                Err(FileError::NotFound { .. }) => continue,
                Err(error) => return Err(error),
            }
            directories.extend(path.parent());
        }
        directories.sort();
        directories.dedup();
        directories
            .iter()
            .try_for_each(|path| self.workspace.sync_directory(path))
    }
}

/// Which names are known, so that many files of one name cost no more than as many of different
/// ones.
#[derive(Debug, Default)]
struct Names {
    directories: HashMap<String, WorkspacePath>,
    next: HashMap<String, usize>,
}

impl Names {
    fn counts(&self, path: &str) -> std::ops::Range<usize> {
        let first = self.next.get(path).copied().unwrap_or(0);
        first..first.saturating_add(MAX_TRIES)
    }

    fn tried(&mut self, path: &str, count: usize) {
        self.next.insert(path.to_owned(), count + 1);
    }
}

fn taken(path: &str) -> FileError {
    FileError::BadName {
        path: path.to_owned(),
        reason: "too many files have this name",
    }
}

fn sync_file(path: &WorkspacePath, file: &File) -> Result<(), FileError> {
    file.sync_data().map_err(|source| FileError::Io {
        path: path.as_str().to_owned(),
        source,
    })
}

/// What is the workspace's own doing is told; the rest is ours.
fn told(error: FileError) -> Error {
    let own_doing = matches!(
        error,
        FileError::PathEscapes { .. }
            | FileError::NotDirectory { .. }
            | FileError::NotRegular { .. }
            | FileError::BadName { .. }
    );
    if !own_doing {
        return disk(error);
    }
    InputError::Field(format!(
        "`files` cannot be put into the task's workspace: {error}"
    ))
    .into()
}
