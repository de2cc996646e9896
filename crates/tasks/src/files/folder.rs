//! A folder of a workspace as one ZIP archive, made while it is sent.
//!
//! Each piece is made when the one before is taken: no thread waits for a slow reader and nothing
//! but the archive's directory is kept.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::vec::IntoIter;

use model::{Permit, TaskId, Timestamp};
use sandbox::{Workspace, WorkspacePath};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{DateTime, ZipWriter};

use super::artifact::{
    Artifact, MAX_ENTRIES, NO_FILE, files_below, no_file, open_workspace, parse, read_some,
};
use super::disk::blocking;
use crate::{Error, InputError, Tasks};

/// Bytes read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// A folder on its way out.
#[derive(Debug)]
pub struct ArtifactFolder {
    /// The archive's name.
    pub name: String,
    state: Option<State>,
}

/// What is still to do.
struct State {
    workspace: Arc<Workspace>,
    /// Bytes before the part of a path that the archive shows.
    prefix: usize,
    files: IntoIter<Artifact>,
    open: Option<File>,
    writer: ZipWriter<StreamWriter<Outlet>>,
    outlet: Outlet,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("files", &self.files.len())
            .finish_non_exhaustive()
    }
}

/// Where the archive's bytes wait to be taken.
#[derive(Debug, Clone, Default)]
struct Outlet(Arc<Mutex<Vec<u8>>>);

impl Outlet {
    fn bytes(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.0
            .lock()
            .expect("no code panics while it holds this lock")
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Tasks {
    /// Opens a directory of a task's workspace, to be read as a ZIP archive of the files that
    /// [`artifacts`](Self::artifacts) shows below it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for whatever is not a directory inside the workspace; [`Error::Input`]
    /// when more than 10,000 files are below it; [`Error::Disk`].
    pub async fn open_folder(
        &self,
        permit: &Permit,
        id: TaskId,
        path: &str,
    ) -> Result<ArtifactFolder, Error> {
        self.check(permit, id).await?;
        let path = parse(path)?;
        let place = self.inner.sessions.workspace_place(id);
        blocking(move || {
            let workspace = open_workspace(&place)?.ok_or(NO_FILE)?;
            let (files, cut) =
                files_below(&workspace, &path, MAX_ENTRIES, |_| true).map_err(no_file)?;
            if cut {
                let reason = format!("`path`: more than {MAX_ENTRIES} files are below it");
                return Err(InputError::Field(reason).into());
            }
            Ok(ArtifactFolder::new(workspace, &path, files))
        })
        .await
    }
}

impl ArtifactFolder {
    fn new(workspace: Arc<Workspace>, path: &WorkspacePath, files: Vec<Artifact>) -> Self {
        let name = if path.is_root() {
            "workspace"
        } else {
            path.name()
        };
        let outlet = Outlet::default();
        let state = State {
            workspace,
            prefix: if path.is_root() {
                0
            } else {
                path.as_str().len() + 1
            },
            files: files.into_iter(),
            open: None,
            writer: ZipWriter::new_stream(outlet.clone()),
            outlet,
        };
        Self {
            name: format!("{name}.zip"),
            state: Some(state),
        }
    }

    /// The next bytes of the archive; none at its end.
    ///
    /// # Errors
    /// When a file that was opened cannot be read. One that is gone before is left out.
    pub async fn read(&mut self) -> io::Result<Vec<u8>> {
        let Some(state) = self.state.take() else {
            return Ok(Vec::new());
        };
        let (state, bytes) = blocking(move || state.step()).await?;
        self.state = state;
        Ok(bytes)
    }
}

impl State {
    /// Works until there is something to hand on.
    fn step(mut self) -> io::Result<(Option<Self>, Vec<u8>)> {
        loop {
            if !self.advance()? {
                self.writer.finish().map_err(io::Error::other)?;
                let rest = std::mem::take(&mut *self.outlet.bytes());
                return Ok((None, rest));
            }
            let mut waiting = self.outlet.bytes();
            if waiting.len() >= CHUNK_BYTES {
                let bytes = std::mem::take(&mut *waiting);
                drop(waiting);
                return Ok((Some(self), bytes));
            }
        }
    }

    /// Adds the next piece of a file; `false` when nothing is left.
    fn advance(&mut self) -> io::Result<bool> {
        if let Some(file) = &mut self.open {
            let bytes = read_some(file, CHUNK_BYTES)?;
            if bytes.is_empty() {
                self.open = None;
            }
            self.writer.write_all(&bytes)?;
            return Ok(true);
        }
        let Some(next) = self.files.next() else {
            return Ok(false);
        };
        let path = WorkspacePath::parse(&next.path).map_err(io::Error::other)?;
        let Ok((file, stat)) = self.workspace.open_file(&path) else {
            return Ok(true);
        };
        let options = SimpleFileOptions::default()
            .large_file(stat.size_bytes >= u64::from(u32::MAX))
            .unix_permissions(stat.mode)
            .last_modified_time(date_time(stat.modified_at).unwrap_or_default());
        let name = next.path.get(self.prefix..).unwrap_or_default();
        self.writer
            .start_file(name, options)
            .map_err(io::Error::other)?;
        self.open = Some(file);
        Ok(true)
    }
}

/// The time as archives write it: UTC, two seconds exact, from 1980.
fn date_time(at: Timestamp) -> Option<DateTime> {
    let text = at.to_string();
    let number = |range: Range<usize>| text.get(range)?.parse::<u16>().ok();
    let small = |range: Range<usize>| u8::try_from(number(range)?).ok();
    DateTime::from_date_and_time(
        number(0..4)?,
        small(5..7)?,
        small(8..10)?,
        small(11..13)?,
        small(14..16)?,
        small(17..19)?,
    )
    .ok()
}
