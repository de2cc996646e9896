//! Secrets of the instance itself, sealed under its master key.

use model::Timestamp;

use crate::store::Read;
use crate::tx::Tx;
use crate::value::{Row, params};
use crate::{Error, Store};

/// A sealed secret of the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceSecret {
    /// What it is for.
    pub name: String,
    /// Which one of that name: its users refer to it.
    pub kid: String,
    /// The sealed value.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Store {
    /// Keeps a secret, unless there is one of that name. Answers the one that is kept: of two
    /// processes that start at once, both get the first one's.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn insert_instance_secret(
        &self,
        secret: InstanceSecret,
    ) -> Result<InstanceSecret, Error> {
        self.write("insert_instance_secret", secret, |tx, secret| {
            Box::pin(insert(tx, secret))
        })
        .await
    }

    /// The secret of that name.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_instance_secret(
        &self,
        name: &'static str,
    ) -> Result<Option<InstanceSecret>, Error> {
        self.read("find_instance_secret", Read::Point, name, |tx, name| {
            Box::pin(find(tx, name))
        })
        .await
    }

    /// All secrets of the instance, by name.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_instance_secrets(&self) -> Result<Vec<InstanceSecret>, Error> {
        self.read("list_instance_secrets", Read::Point, (), |tx, ()| {
            Box::pin(list(tx))
        })
        .await
    }
}

async fn insert(tx: &mut Tx, secret: &InstanceSecret) -> Result<InstanceSecret, Error> {
    tx.execute(
        "INSERT INTO instance_secrets (name, kid, sealed, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO NOTHING",
        params![
            &secret.name,
            &secret.kid,
            secret.sealed.as_slice(),
            secret.created_at
        ],
    )
    .await?;
    let kept = find(tx, &secret.name).await?;
    kept.ok_or_else(|| Error::corrupt("instance_secrets"))
}

async fn find(tx: &mut Tx, name: &str) -> Result<Option<InstanceSecret>, Error> {
    let row = tx
        .query_opt(
            "SELECT name, kid, sealed, created_at FROM instance_secrets WHERE name = $1",
            params![name],
        )
        .await?;
    row.map(read_secret).transpose()
}

async fn list(tx: &mut Tx) -> Result<Vec<InstanceSecret>, Error> {
    let rows = tx
        .query(
            "SELECT name, kid, sealed, created_at FROM instance_secrets ORDER BY name",
            &[],
        )
        .await?;
    rows.into_iter().map(read_secret).collect()
}

fn read_secret(mut row: Row) -> Result<InstanceSecret, Error> {
    Ok(InstanceSecret {
        name: row.next("instance_secrets.name")?,
        kid: row.next("instance_secrets.kid")?,
        sealed: row.next("instance_secrets.sealed")?,
        created_at: row.next("instance_secrets.created_at")?,
    })
}
