//! Read connections: taken, used by one command, put back.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::open_reader;
use crate::Error;
use crate::tx::{Command, Tx, run_now};

/// Long reads at once.
const BULK: usize = 4;
/// Short reads at once that a machine is thought to be good for, if it does not say.
const POINT: usize = 4;

#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    /// Connections kept open between reads.
    keep: usize,
    /// Bounds the long reads, so that their connections and threads are bounded too. Whoever
    /// reads holds its permit on the reading thread: a caller that goes away does not free it.
    pub(crate) bulk: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        let cores = std::thread::available_parallelism().map_or(POINT, usize::from);
        Self {
            path,
            idle: Mutex::new(Vec::new()),
            keep: cores.max(POINT) + BULK,
            bulk: Arc::new(Semaphore::new(BULK)),
        }
    }

    /// Runs a reading command on this thread.
    pub(crate) fn run<I, T>(&self, input: &I, command: Command<I, T>) -> Result<T, Error> {
        let idle = self.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open_reader(&self.path)?,
        };
        let mut tx = Tx::sqlite(connection);
        let result = run_now(&mut tx, input, command);
        let ended = run_now(&mut tx, &(), |tx, ()| Box::pin(tx.abandon()));
        // A connection whose transaction would not end is closed instead of kept.
        if ended.is_ok()
            && let Some(connection) = tx.into_sqlite()
        {
            let mut idle = self.lock();
            if idle.len() < self.keep {
                idle.push(connection);
            }
        }
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the idle connections.
    pub(crate) fn close(&self) {
        self.lock().clear();
    }
}
