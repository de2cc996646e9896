//! The keys that tokens are signed with. At most one is standby, at most one current; who rotates
//! says which state each key was seen in, so that of two processes only one does it.

use model::Timestamp;
use serde_json::json;

use crate::audit::{AuditAction, ChangedBy, Done, record};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::{FromCell, Row, Value, name_values, params};
use crate::{Error, Signal, Store};

/// Where a signing key stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningKeyState {
    /// Published, so that everybody knows it before it signs.
    Standby,
    /// The one that signs.
    Current,
    /// It signs no more; what it signed is still accepted.
    Previous,
    /// Nothing it signed is accepted.
    Revoked,
}

impl SigningKeyState {
    /// The database name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::Current => "current",
            Self::Previous => "previous",
            Self::Revoked => "revoked",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Standby, Self::Current, Self::Previous, Self::Revoked]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

name_values!(SigningKeyState);

/// A signing key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// Its name in tokens and in the published set.
    pub kid: String,
    /// Where it stands.
    pub state: SigningKeyState,
    /// The public half, 32 bytes.
    pub public: Vec<u8>,
    /// The private half, sealed.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it came into its state.
    pub changed_at: Timestamp,
}

/// That a key goes from one state into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyChange {
    /// Which key.
    pub kid: String,
    /// The state it was seen in.
    pub from: SigningKeyState,
    /// Its new state.
    pub to: SigningKeyState,
}

impl Store {
    /// The signing keys, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_signing_keys(&self) -> Result<Vec<SigningKeyRow>, Error> {
        self.read("list_signing_keys", Read::Point, (), |tx, ()| {
            Box::pin(list(tx))
        })
        .await
    }

    /// Makes changes, in their order, and keeps new keys, all or nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a key is not in the state it was seen in, [`Error::Duplicate`]
    /// when another process made a key for the same state: read again; [`Error::Unavailable`].
    pub async fn change_signing_keys(
        &self,
        changes: Vec<SigningKeyChange>,
        new: Vec<SigningKeyRow>,
        by: ChangedBy,
    ) -> Result<(), Error> {
        self.write(
            "change_signing_keys",
            (changes, new, by),
            |tx, (changes, new, by)| Box::pin(change(tx, changes, new, by)),
        )
        .await
    }
}

async fn list(tx: &mut Tx) -> Result<Vec<SigningKeyRow>, Error> {
    let rows = tx
        .query(
            "SELECT kid, state, public, sealed, created_at, changed_at FROM signing_keys
             ORDER BY created_at, kid",
            &[],
        )
        .await?;
    rows.into_iter().map(read_key).collect()
}

fn read_key(mut row: Row) -> Result<SigningKeyRow, Error> {
    Ok(SigningKeyRow {
        kid: row.next("signing_keys.kid")?,
        state: row.next("signing_keys.state")?,
        public: row.next("signing_keys.public")?,
        sealed: row.next("signing_keys.sealed")?,
        created_at: row.next("signing_keys.created_at")?,
        changed_at: row.next("signing_keys.changed_at")?,
    })
}

async fn change(
    tx: &mut Tx,
    changes: &[SigningKeyChange],
    new: &[SigningKeyRow],
    by: &ChangedBy,
) -> Result<(), Error> {
    let mut done = Vec::new();
    for change in changes {
        let changed = tx
            .execute(
                "UPDATE signing_keys SET state = $3, changed_at = $4
                 WHERE kid = $1 AND state = $2",
                params![&change.kid, change.from, change.to, by.at],
            )
            .await?;
        if changed == 0 {
            return Err(Error::Conflict);
        }
        let state = |state: SigningKeyState| json!({"state": state.as_str()});
        let (from, to) = (state(change.from), state(change.to));
        let action = AuditAction::SigningKeyUpdate;
        done.push(Done::changed(action, &change.kid, from, to));
    }
    for key in new {
        tx.execute(
            "INSERT INTO signing_keys (kid, state, public, sealed, created_at, changed_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            params![
                &key.kid,
                key.state,
                key.public.as_slice(),
                key.sealed.as_slice(),
                key.created_at,
                key.changed_at,
            ],
        )
        .await?;
        let facts = json!({"state": key.state.as_str()});
        done.push(Done::made(AuditAction::SigningKeyCreate, &key.kid, facts));
    }
    for done in &done {
        record(tx, None, by, done).await?;
    }
    tx.signal(Signal::CredentialsChanged);
    Ok(())
}
