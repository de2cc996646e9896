//! Journal rows, in and out.

use model::{JournalEvent, JournalRow, RunNumber, Seq, TaskId, Timestamp};

use crate::Error;
use crate::tx::Tx;
use crate::value::params;

/// Writes events after row `after`; answers the number of the last one.
pub(super) async fn insert(
    tx: &mut Tx,
    task_id: TaskId,
    run: RunNumber,
    after: Seq,
    at: Timestamp,
    events: &[JournalEvent],
) -> Result<Seq, Error> {
    let mut seq = after;
    for event in events {
        seq = seq.next();
        tx.execute(
            "INSERT INTO events (task_id, seq, run, kind, version, payload, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            params![
                task_id,
                seq,
                run,
                event.kind(),
                JournalEvent::VERSION,
                event.encode(),
                at
            ],
        )
        .await?;
    }
    Ok(seq)
}

pub(crate) const LIST_ROWS: &str = "SELECT seq, run, at, kind, version, payload FROM events
    WHERE task_id = $1 AND seq > $2 ORDER BY seq";

/// The rows after row `after`, in order. The caller has checked the scope.
pub(super) async fn list(
    tx: &mut Tx,
    task_id: TaskId,
    after: Seq,
) -> Result<Vec<JournalRow>, Error> {
    let rows = tx.query(LIST_ROWS, params![task_id, after]).await?;
    rows.into_iter()
        .map(|mut row| {
            let (seq, run, at) = (
                row.next("events.seq")?,
                row.next("events.run")?,
                row.next("events.at")?,
            );
            let kind: String = row.next("events.kind")?;
            let version = row.next("events.version")?;
            let payload: String = row.next("events.payload")?;
            let event = JournalEvent::decode(&kind, version, &payload)
                .map_err(|error| Error::corrupt_by("journal row", error))?;
            Ok(JournalRow {
                seq,
                run,
                at,
                event,
            })
        })
        .collect()
}
