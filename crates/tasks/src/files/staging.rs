//! Where files wait until the request that brings them is accepted.
//!
//! `<staging>/<process>/<request>/`, each mode 0700. A process holds a lock on its own directory
//! as long as it lives: whoever starts removes the directories that nobody holds, so a killed
//! process leaves nothing and one that lives loses nothing. A request's directory goes with the
//! last who uses it, whatever becomes of the request.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use model::Random;
use tokio_util::task::TaskTracker;

/// Names tried for a new directory.
const TRIES: usize = 16;

/// See the module.
#[derive(Debug)]
pub(crate) struct Staging {
    root: PathBuf,
    random: Arc<dyn Random>,
    cleaners: TaskTracker,
    own: Mutex<Option<OwnDirectory>>,
}

/// The directory of this process, and the lock that says so.
#[derive(Debug)]
struct OwnDirectory {
    path: PathBuf,
    _lock: File,
}

impl Drop for OwnDirectory {
    fn drop(&mut self) {
        // Empty unless a request is being given up just now; the next start removes what stays.
        let _ = std::fs::remove_dir(&self.path);
    }
}

/// The directory of one request; dropped, it is removed.
#[derive(Debug)]
pub(super) struct StagingDirectory {
    path: PathBuf,
    next: AtomicUsize,
    cleaners: TaskTracker,
}

impl Staging {
    /// Nothing is made before it is needed. `cleaners` are waited for when the server stops.
    pub(crate) fn new(root: PathBuf, random: Arc<dyn Random>, cleaners: TaskTracker) -> Self {
        Self {
            root,
            random,
            cleaners,
            own: Mutex::new(None),
        }
    }

    /// Removes what processes that are gone have left. Blocks.
    pub(crate) fn wipe(&self) -> io::Result<()> {
        let entries = match std::fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                std::fs::remove_file(entry.path())?;
                continue;
            }
            let Ok(directory) = File::open(entry.path()) else {
                continue;
            };
            if directory.try_lock().is_ok() {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    /// A new directory for a request. Blocks.
    pub(super) fn request(&self) -> io::Result<StagingDirectory> {
        let own = self.own()?;
        let mut failure = io::Error::from(io::ErrorKind::AlreadyExists);
        for _ in 0..TRIES {
            let path = own.join(self.random_name());
            match private().create(&path) {
                Ok(()) => {
                    return Ok(StagingDirectory {
                        path,
                        next: AtomicUsize::new(0),
                        cleaners: self.cleaners.clone(),
                    });
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn own(&self) -> io::Result<PathBuf> {
        let mut own = self
            .own
            .lock()
            .expect("no code panics while it holds this lock");
        if let Some(own) = &*own {
            return Ok(own.path.clone());
        }
        match private().create(&self.root) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                std::fs::set_permissions(&self.root, PermissionsExt::from_mode(0o700))?;
            }
            Err(error) => return Err(error),
        }
        for _ in 0..TRIES {
            let path = self.root.join(self.random_name());
            if let Some(made) = make_locked(path)? {
                return Ok(own.insert(made).path.clone());
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }

    fn random_name(&self) -> String {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        format!("{:016x}", u64::from_ne_bytes(bytes))
    }
}

/// Makes a directory and locks it; `None` when another process was in between and took it for
/// a leftover.
fn make_locked(path: PathBuf) -> io::Result<Option<OwnDirectory>> {
    private().create(&path)?;
    let Ok(lock) = File::open(&path) else {
        return Ok(None);
    };
    let still_there = |lock: &File| {
        let made = lock.metadata().ok()?;
        let named = std::fs::symlink_metadata(&path).ok()?;
        Some(made.ino() == named.ino())
    };
    if lock.try_lock().is_err() || still_there(&lock) != Some(true) {
        return Ok(None);
    }
    Ok(Some(OwnDirectory { path, _lock: lock }))
}

fn private() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

impl StagingDirectory {
    /// A path that no other file of the request has.
    pub(super) fn next_path(&self) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.path.join(number.to_string())
    }
}

impl Drop for StagingDirectory {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        match tokio::runtime::Handle::try_current() {
            Ok(handle) => {
                self.cleaners
                    .spawn_blocking_on(move || remove(&path), &handle);
            }
            Err(_) => remove(&path),
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_dir_all(path) {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the files of a request could not be removed"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::OsRandom;

    fn staging(root: &Path) -> Staging {
        Staging::new(root.to_owned(), Arc::new(OsRandom), TaskTracker::new())
    }

    #[test]
    fn a_start_removes_what_is_left_and_nothing_that_is_in_use() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("staging");
        staging(&root).wipe().unwrap();
        std::fs::create_dir(&root).unwrap();
        std::fs::create_dir_all(root.join("dead/request")).unwrap();
        std::fs::write(root.join("dead/request/0"), "x").unwrap();
        std::fs::write(root.join("stray"), "x").unwrap();
        let living = staging(&root);
        let request = living.request().unwrap();
        std::fs::write(request.next_path(), "kept").unwrap();
        staging(&root).wipe().unwrap();
        let left: Vec<_> = std::fs::read_dir(&root).unwrap().flatten().collect();
        assert_eq!(left.len(), 1);
        assert_eq!(std::fs::read(request.path.join("0")).unwrap(), b"kept");
        for path in [&root, &left[0].path(), &request.path] {
            let mode = std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
        drop(request);
        drop(living);
        assert_eq!(std::fs::read_dir(&root).unwrap().count(), 0);
    }
}
