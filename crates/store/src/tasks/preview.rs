//! The text of an open turn, kept for readers on other nodes. A preview is not a fact: it is
//! replaced at will and may be lost with a crash.

use model::{RunNumber, TaskId};

use crate::store::Read;
use crate::tx::Tx;
use crate::value::params;
use crate::{Error, Store};

/// The open turn of a task so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewRow {
    /// Whose turn.
    pub task_id: TaskId,
    /// In which run.
    pub run: RunNumber,
    /// Which turn of it.
    pub turn: i64,
    /// What it said so far, in the writer's own form.
    pub payload: String,
}

impl Store {
    /// Puts a task's preview in the place of the one before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn put_preview(&self, preview: PreviewRow) -> Result<(), Error> {
        self.write("put_preview", preview, |tx, preview| {
            Box::pin(put(tx, preview))
        })
        .await
    }

    /// A task's preview. The caller has checked that it may see the task.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn unscoped_find_preview(&self, id: TaskId) -> Result<Option<PreviewRow>, Error> {
        self.read("unscoped_find_preview", Read::Point, id, |tx, id| {
            Box::pin(find(tx, *id))
        })
        .await
    }

    /// Forgets a task's preview, if it has one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_preview(&self, id: TaskId) -> Result<(), Error> {
        self.write("delete_preview", id, |tx, id| Box::pin(delete(tx, *id)))
            .await
    }
}

async fn put(tx: &mut Tx, preview: &PreviewRow) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO previews (task_id, run, turn, payload) VALUES ($1, $2, $3, $4)
         ON CONFLICT (task_id) DO UPDATE
         SET run = excluded.run, turn = excluded.turn, payload = excluded.payload",
        params![
            preview.task_id,
            preview.run,
            preview.turn,
            preview.payload.as_bytes()
        ],
    )
    .await
    .map(drop)
}

async fn find(tx: &mut Tx, id: TaskId) -> Result<Option<PreviewRow>, Error> {
    let row = tx
        .query_opt(
            "SELECT task_id, run, turn, payload FROM previews WHERE task_id = $1",
            params![id],
        )
        .await?;
    let Some(mut row) = row else { return Ok(None) };
    Ok(Some(PreviewRow {
        task_id: row.next("previews.task_id")?,
        run: row.next("previews.run")?,
        turn: row.next("previews.turn")?,
        payload: String::from_utf8(row.next("previews.payload")?)
            .map_err(|error| Error::corrupt_by("previews.payload", error))?,
    }))
}

async fn delete(tx: &mut Tx, id: TaskId) -> Result<(), Error> {
    tx.execute("DELETE FROM previews WHERE task_id = $1", params![id])
        .await
        .map(drop)
}
