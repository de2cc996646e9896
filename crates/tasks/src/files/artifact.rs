//! The files of a workspace, as callers see them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use model::{Permit, TaskId, Timestamp};
use sandbox::{EntryKind, FileError, FileStat, WalkLimits, Workspace, WorkspacePath};

use super::disk::{blocking, disk};
use super::place::WorkspacePlace;
use crate::{Error, Tasks};

/// Entries of a listing at most.
pub(super) const MAX_ENTRIES: usize = 10_000;
/// Directories below each other that are looked into.
const MAX_DEPTH: usize = 64;
/// The directories that come first and last.
const FIRST: &str = "downloads";
const LAST: &str = "uploads";

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Relative to the workspace, `/` separators.
    pub path: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// When it was last written.
    pub modified_at: Timestamp,
}

/// The files of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Artifacts {
    /// `downloads/` first, `uploads/` last, by path inside.
    pub files: Vec<Artifact>,
    /// Whether there are more.
    pub truncated: bool,
}

/// A file that was opened: what is read is what was checked, whatever happens to its name.
#[derive(Debug)]
pub struct ArtifactFile {
    /// Its base name.
    pub name: String,
    /// Its size in bytes when it was opened.
    pub size_bytes: u64,
    /// Changes whenever the content may have.
    pub version: String,
    file: Option<File>,
}

impl Tasks {
    /// The files of a task's workspace, at most 10,000. Links, pipes, sockets and devices are left
    /// out, and so is what lies in `node_modules` and in directories whose name begins with a dot.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the caller may not know of the task; [`Error::Disk`].
    pub async fn artifacts(&self, permit: &Permit, id: TaskId) -> Result<Artifacts, Error> {
        self.check(permit, id).await?;
        let place = self.inner.sessions.workspace_place(id);
        blocking(move || match open_workspace(&place)? {
            Some(workspace) => list(&workspace).map_err(disk),
            None => Ok(Artifacts::default()),
        })
        .await
    }

    /// Opens a file of a task's workspace. A link is followed as long as it stays inside.
    ///
    /// # Errors
    /// [`Error::NotFound`] for whatever is not a regular file inside the workspace, with no hint
    /// why; [`Error::Disk`].
    pub async fn open_artifact(
        &self,
        permit: &Permit,
        id: TaskId,
        path: &str,
    ) -> Result<ArtifactFile, Error> {
        self.check(permit, id).await?;
        let path = parse(path)?;
        let place = self.inner.sessions.workspace_place(id);
        blocking(move || {
            let workspace = open_workspace(&place)?.ok_or(NO_FILE)?;
            let (file, stat) = workspace.open_file(&path).map_err(no_file)?;
            Ok(ArtifactFile {
                name: path.name().to_owned(),
                size_bytes: stat.size_bytes,
                version: version(&stat),
                file: Some(file),
            })
        })
        .await
    }
}

impl ArtifactFile {
    /// Goes to `offset` bytes from the beginning.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.with_file(move |file| file.seek(SeekFrom::Start(offset)).map(drop))
            .await
    }

    /// The next bytes, at most `limit`; none at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn read(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        self.with_file(move |file| read_some(file, limit)).await
    }

    /// Works on the file where that may block. Given up in between, it cannot be used any more.
    async fn with_file<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut File) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let Some(mut file) = self.file.take() else {
            return Err(io::Error::other("a read was given up"));
        };
        let (file, done) = blocking(move || {
            let done = work(&mut file);
            (file, done)
        })
        .await;
        self.file = Some(file);
        done
    }
}

/// Reads once, into exactly as much memory as is handed on.
pub(super) fn read_some(file: &mut File, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(limit);
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(super) const NO_FILE: Error = Error::NotFound("File");

/// What a caller asks for. Absolute paths are outside by definition.
pub(super) fn parse(path: &str) -> Result<WorkspacePath, Error> {
    if path.starts_with('/') {
        return Err(NO_FILE);
    }
    let path = WorkspacePath::parse(path).map_err(|_| NO_FILE)?;
    let first = path.as_str().split('/').next();
    if first == Some(".sigmic") {
        // The server's own: outputs before they were cut, the agent's home.
        return Err(NO_FILE);
    }
    Ok(path)
}

/// Why it could not be opened is not told.
pub(super) fn no_file(error: FileError) -> Error {
    tracing::debug!(
        error = &error as &dyn std::error::Error,
        "an artifact could not be opened"
    );
    NO_FILE
}

/// The workspace, if there is one.
pub(super) fn open_workspace(place: &WorkspacePlace) -> Result<Option<Arc<Workspace>>, Error> {
    match Workspace::open(&place.path, place.owner) {
        Ok(workspace) => Ok(Some(Arc::new(workspace))),
        Err(FileError::NotFound { .. }) => Ok(None),
        Err(error) => Err(disk(error)),
    }
}

fn version(stat: &FileStat) -> String {
    format!(
        "{:x}-{:x}-{:x}",
        stat.inode, stat.size_bytes, stat.modified_ns
    )
}

fn list(workspace: &Workspace) -> Result<Artifacts, FileError> {
    let mut artifacts = Artifacts::default();
    let parse = |name| WorkspacePath::parse(name);
    add(workspace, &parse(FIRST)?, &mut artifacts, |_| true)?;
    add(workspace, &WorkspacePath::ROOT, &mut artifacts, |path| {
        !matches!(path.as_str(), FIRST | LAST)
    })?;
    add(workspace, &parse(LAST)?, &mut artifacts, |_| true)?;
    Ok(artifacts)
}

/// Adds the files below `start`, by path.
fn add(
    workspace: &Workspace,
    start: &WorkspacePath,
    artifacts: &mut Artifacts,
    wanted: impl Fn(&WorkspacePath) -> bool,
) -> Result<(), FileError> {
    let room = MAX_ENTRIES.saturating_sub(artifacts.files.len());
    let (files, cut) = match files_below(workspace, start, room, wanted) {
        Ok(found) => found,
        // The agent may have removed it, or put something else in its place.
        Err(_) if !start.is_root() => return Ok(()),
        Err(error) => return Err(error),
    };
    artifacts.truncated |= cut;
    artifacts.files.extend(files);
    Ok(())
}

/// The files below a directory that callers may see, by path: at most `most`, and whether there
/// are more.
pub(super) fn files_below(
    workspace: &Workspace,
    start: &WorkspacePath,
    most: usize,
    wanted: impl Fn(&WorkspacePath) -> bool,
) -> Result<(Vec<Artifact>, bool), FileError> {
    let limits = WalkLimits {
        // Directories count there; one file more tells that there are more.
        entries: most.saturating_mul(2).saturating_add(2),
        depth: MAX_DEPTH,
    };
    let walk = workspace.walk(start, limits, |path, kind| {
        wanted(path) && is_shown(path, kind)
    })?;
    let mut files: Vec<Artifact> = walk
        .entries
        .into_iter()
        .filter(|entry| entry.stat.kind == EntryKind::File)
        .map(|entry| Artifact {
            path: entry.path.as_str().to_owned(),
            size_bytes: entry.stat.size_bytes,
            modified_at: entry.stat.modified_at,
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let more = files.len() > most;
    files.truncate(most);
    Ok((files, more || walk.cut))
}

fn is_shown(path: &WorkspacePath, kind: EntryKind) -> bool {
    match kind {
        // What is being written is not there yet.
        EntryKind::File => !path.name().starts_with(".sigmic-"),
        EntryKind::Directory => !path.name().starts_with('.') && path.name() != "node_modules",
        EntryKind::Link | EntryKind::Other => false,
    }
}
