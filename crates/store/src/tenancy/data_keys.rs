//! The key of each organization, wrapped under the master key; and what a new master key changes.

use model::{OrganizationId, Timestamp};

use crate::store::Read;
use crate::tx::Tx;
use crate::value::params;
use crate::{Error, Store};

/// A wrapped key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// Whose.
    pub organization_id: OrganizationId,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One sealed value in the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealed<K> {
    /// Which row.
    pub key: K,
    /// What lies there, as it was read.
    pub from: Vec<u8>,
    /// What is to lie there.
    pub to: Vec<u8>,
}

/// Everything that is sealed under the master key itself, sealed under another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMasterKey {
    /// The instance's secrets, by name; the check value among them.
    pub secrets: Vec<Resealed<String>>,
    /// The private halves of the signing keys, by key id.
    pub signing_keys: Vec<Resealed<String>>,
    /// The keys of the organizations.
    pub data_keys: Vec<Resealed<OrganizationId>>,
}

impl Store {
    /// Keeps an organization's key, unless it has one. Answers the one that is kept.
    ///
    /// # Errors
    /// [`Error::NotFound`]: there is no such organization; [`Error::Unavailable`].
    pub async fn insert_data_key(&self, key: WrappedKey) -> Result<WrappedKey, Error> {
        self.write("insert_data_key", key, |tx, key| Box::pin(insert(tx, key)))
            .await
    }

    /// An organization's key, if it has one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_data_key(
        &self,
        organization_id: OrganizationId,
    ) -> Result<Option<WrappedKey>, Error> {
        self.read("find_data_key", Read::Point, organization_id, |tx, id| {
            Box::pin(find(tx, *id))
        })
        .await
    }

    /// The keys of all organizations.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn unscoped_list_data_keys(&self) -> Result<Vec<WrappedKey>, Error> {
        self.read("unscoped_list_data_keys", Read::Bulk, (), |tx, ()| {
            Box::pin(list(tx))
        })
        .await
    }

    /// Puts what another master key sealed in the place of everything that the present one did,
    /// all or nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a row is not as it was read, or is not among these: read again;
    /// [`Error::Unavailable`].
    pub async fn change_master_key(&self, new: NewMasterKey) -> Result<(), Error> {
        self.write("change_master_key", new, |tx, new| {
            Box::pin(change(tx, new))
        })
        .await
    }
}

async fn insert(tx: &mut Tx, key: &WrappedKey) -> Result<WrappedKey, Error> {
    tx.execute(
        "INSERT INTO data_keys (organization_id, wrapped, created_at)
         SELECT id, $2, $3 FROM organizations WHERE id = $1
         ON CONFLICT (organization_id) DO NOTHING",
        params![key.organization_id, key.wrapped.as_slice(), key.created_at],
    )
    .await?;
    find(tx, key.organization_id).await?.ok_or(Error::NotFound)
}

async fn find(tx: &mut Tx, organization_id: OrganizationId) -> Result<Option<WrappedKey>, Error> {
    let row = tx
        .query_opt(
            "SELECT wrapped, created_at FROM data_keys WHERE organization_id = $1",
            params![organization_id],
        )
        .await?;
    let Some(mut row) = row else { return Ok(None) };
    Ok(Some(WrappedKey {
        organization_id,
        wrapped: row.next("data_keys.wrapped")?,
        created_at: row.next("data_keys.created_at")?,
    }))
}

async fn list(tx: &mut Tx) -> Result<Vec<WrappedKey>, Error> {
    let rows = tx
        .query(
            "SELECT organization_id, wrapped, created_at FROM data_keys ORDER BY organization_id",
            &[],
        )
        .await?;
    rows.into_iter()
        .map(|mut row| {
            Ok(WrappedKey {
                organization_id: row.next("data_keys.organization_id")?,
                wrapped: row.next("data_keys.wrapped")?,
                created_at: row.next("data_keys.created_at")?,
            })
        })
        .collect()
}

async fn change(tx: &mut Tx, new: &NewMasterKey) -> Result<(), Error> {
    const SECRET: &str = "UPDATE instance_secrets SET sealed = $3 WHERE name = $1 AND sealed = $2";
    const SIGNING: &str = "UPDATE signing_keys SET sealed = $3 WHERE kid = $1 AND sealed = $2";
    const DATA: &str =
        "UPDATE data_keys SET wrapped = $3 WHERE organization_id = $1 AND wrapped = $2";
    const SECRETS: &str = "SELECT COUNT(*) FROM instance_secrets";
    const SIGNINGS: &str = "SELECT COUNT(*) FROM signing_keys";
    const DATAS: &str = "SELECT COUNT(*) FROM data_keys";
    for row in &new.secrets {
        reseal(
            tx,
            SECRET,
            params![&row.key, row.from.as_slice(), row.to.as_slice()],
        )
        .await?;
    }
    for row in &new.signing_keys {
        reseal(
            tx,
            SIGNING,
            params![&row.key, row.from.as_slice(), row.to.as_slice()],
        )
        .await?;
    }
    for row in &new.data_keys {
        reseal(
            tx,
            DATA,
            params![row.key, row.from.as_slice(), row.to.as_slice()],
        )
        .await?;
    }
    for (sql, known) in [
        (SECRETS, new.secrets.len()),
        (SIGNINGS, new.signing_keys.len()),
        (DATAS, new.data_keys.len()),
    ] {
        let row = tx.query_opt(sql, &[]).await?;
        let count: i64 = row.map_or(Ok(0), |mut row| row.next("count"))?;
        if usize::try_from(count) != Ok(known) {
            return Err(Error::Conflict);
        }
    }
    Ok(())
}

async fn reseal(
    tx: &mut Tx,
    sql: &'static str,
    values: &[crate::value::Value<'_>],
) -> Result<(), Error> {
    match tx.execute(sql, values).await? {
        1 => Ok(()),
        _ => Err(Error::Conflict),
    }
}
