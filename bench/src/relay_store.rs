//! Keeps the rows of `relay-db`: one writer thread, group commit, durable before it answers.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::{Context as _, Result};
use rusqlite::Connection;
use tokio::sync::oneshot;

/// Commits together at most.
const BATCH: usize = 256;

/// A row of a task: its task, its number, its text.
pub(crate) type Row = (String, i64, String);

struct Write {
    rows: Vec<Row>,
    done: oneshot::Sender<()>,
}

/// The writer's end for others.
#[derive(Debug, Clone)]
pub(crate) struct Writer(Sender<Write>);

impl Writer {
    pub(crate) fn start(directory: &Path) -> Result<Self> {
        let connection = Connection::open(directory.join("relay.db"))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE events (task TEXT, seq INTEGER, text TEXT, PRIMARY KEY (task, seq));",
        )?;
        let (sender, receiver) = channel();
        std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || write(&connection, &receiver))?;
        Ok(Self(sender))
    }

    /// Returns when the rows are durable.
    pub(crate) async fn keep(&self, rows: Vec<Row>) -> Result<()> {
        let (done, kept) = oneshot::channel();
        self.0.send(Write { rows, done })?;
        kept.await.context("the writer failed")
    }
}

/// Ends with its callers, or with the first failure, which fails them all.
fn write(connection: &Connection, writes: &Receiver<Write>) -> rusqlite::Result<()> {
    while let Ok(first) = writes.recv() {
        let more = std::iter::from_fn(|| writes.try_recv().ok()).take(BATCH - 1);
        let batch: Vec<Write> = std::iter::once(first).chain(more).collect();
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        {
            let mut insert = connection.prepare_cached("INSERT INTO events VALUES (?, ?, ?)")?;
            for row in batch.iter().flat_map(|write| &write.rows) {
                insert.execute((&row.0, row.1, &row.2))?;
            }
        }
        connection.prepare_cached("COMMIT")?.execute([])?;
        for write in batch {
            // Who asked may be gone.
            let _ = write.done.send(());
        }
    }
    Ok(())
}
