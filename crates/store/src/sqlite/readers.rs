//! Read connections: taken, used by one command, put back.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::open_reader;
use crate::Error;
use crate::tx::{Command, Tx, run_now};

/// Connections kept open between reads.
const IDLE: usize = 8;
/// Long reads at once.
const BULK: usize = 4;

#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    /// Bounds the long reads, so that their connections and threads are bounded too.
    pub(crate) bulk: Semaphore,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            idle: Mutex::new(Vec::new()),
            bulk: Semaphore::new(BULK),
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
            if idle.len() < IDLE {
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
