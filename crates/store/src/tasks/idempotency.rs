//! Answers that are kept so that a repeated request gets the first one's.

use model::Timestamp;

use crate::store::Read;
use crate::tx::Tx;
use crate::value::params;
use crate::{Error, Store};

/// An answer that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyEntry {
    /// Whose request: keys of two callers never meet.
    pub caller: String,
    /// What the caller calls it. No NUL.
    pub key: String,
    /// What the request asked for.
    pub fingerprint: String,
    /// What was answered.
    pub response: String,
    /// Until when it is kept.
    pub expires_at: Timestamp,
}

/// Keeps an answer; an expired one under the same key makes room.
pub(super) async fn keep(
    tx: &mut Tx,
    entry: &IdempotencyEntry,
    now: Timestamp,
) -> Result<(), Error> {
    let kept = tx
        .query_opt(
            "INSERT INTO idempotency (caller, key, fingerprint, response, expires_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (caller, key) DO UPDATE
             SET fingerprint = excluded.fingerprint, response = excluded.response,
                 expires_at = excluded.expires_at
             WHERE idempotency.expires_at <= $6
             RETURNING expires_at",
            params![
                &entry.caller,
                &entry.key,
                &entry.fingerprint,
                entry.response.as_bytes(),
                entry.expires_at,
                now
            ],
        )
        .await?;
    kept.map(drop).ok_or(Error::IdempotencyTaken)
}

impl Store {
    /// The answer that is kept for this caller under this key, unless it expired.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_idempotency(
        &self,
        caller: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<IdempotencyEntry>, Error> {
        let input = (caller.to_owned(), key.to_owned(), now);
        self.read(
            "find_idempotency",
            Read::Point,
            input,
            |tx, (caller, key, now)| Box::pin(find(tx, caller, key, *now)),
        )
        .await
    }

    /// Forgets the answers that expired; says how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_expired_idempotency(&self, at: Timestamp) -> Result<u64, Error> {
        self.write("delete_expired_idempotency", at, |tx, at| {
            Box::pin(delete_expired(tx, *at))
        })
        .await
    }
}

async fn delete_expired(tx: &mut Tx, at: Timestamp) -> Result<u64, Error> {
    tx.execute(
        "DELETE FROM idempotency WHERE expires_at <= $1",
        params![at],
    )
    .await
}

async fn find(
    tx: &mut Tx,
    caller: &str,
    key: &str,
    now: Timestamp,
) -> Result<Option<IdempotencyEntry>, Error> {
    let row = tx
        .query_opt(
            "SELECT caller, key, fingerprint, response, expires_at FROM idempotency
             WHERE caller = $1 AND key = $2 AND expires_at > $3",
            params![caller, key, now],
        )
        .await?;
    let Some(mut row) = row else { return Ok(None) };
    Ok(Some(IdempotencyEntry {
        caller: row.next("idempotency.caller")?,
        key: row.next("idempotency.key")?,
        fingerprint: row.next("idempotency.fingerprint")?,
        response: String::from_utf8(row.next("idempotency.response")?)
            .map_err(|error| Error::corrupt_by("idempotency.response", error))?,
        expires_at: row.next("idempotency.expires_at")?,
    }))
}
