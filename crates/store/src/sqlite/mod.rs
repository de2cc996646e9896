//! SQLite: one writer thread with group commit, a few read connections, one file in a directory
//! that one server holds.

mod backup;
mod connection;
mod lock;
mod readers;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

#[cfg(test)]
pub(crate) use connection::keep_plans;
pub(crate) use connection::{control, execute, query};

use crate::signal::Hub;
use crate::{Error, OpenMode};
use lock::DirectoryLock;
use readers::Readers;
use writer::Writer;

/// How often another process's writes are looked for.
const FOREIGN_POLL: Duration = Duration::from_millis(250);

/// The parts of an open SQLite store.
#[derive(Debug)]
pub(crate) struct Sqlite {
    path: PathBuf,
    pub(crate) readers: Arc<Readers>,
    pub(crate) writer: Writer,
    lock: Mutex<Option<DirectoryLock>>,
}

impl Sqlite {
    /// Opens the directory, making it and its database (readable by this user only) if missing.
    pub(crate) fn open(directory: &Path, mode: OpenMode, hub: Hub) -> Result<Self, Error> {
        connection::make_directory(directory)?;
        let lock = match mode {
            OpenMode::Serve => Some(DirectoryLock::take(directory)?),
            OpenMode::Beside => None,
        };
        let path = directory.join("sigmic.db");
        connection::make_file(&path)?;
        let writer = Writer::start(connection::open_writer(&path)?, hub)?;
        Ok(Self {
            readers: Arc::new(Readers::new(path.clone())),
            writer,
            path,
            lock: Mutex::new(lock),
        })
    }

    /// Starts looking for other processes' writes.
    pub(crate) fn watch(&self, background: &mut JoinSet<()>) {
        let poller = self.writer.poller();
        background.spawn(async move {
            let mut ticks = tokio::time::interval(FOREIGN_POLL);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if !poller.poll().await {
                    return;
                }
            }
        });
    }

    /// Runs `work` on a connection of its own, off the async threads.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut rusqlite::Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || work(&mut connection::open_writer(&path)?))
            .await
            .map_err(|error| Error::unavailable("blocking work", error))?
    }

    /// Finishes what waits, closes the connections, and lets another server have the directory.
    pub(crate) async fn close(&self) {
        self.writer.close().await;
        self.readers.close();
        let lock = self
            .lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(lock);
    }

    /// Writes a consistent copy of the whole database to a new file.
    pub(crate) async fn backup(&self, to: PathBuf) -> Result<(), Error> {
        self.blocking(move |source| backup::copy(source, &to)).await
    }
}
