//! Making, finding, changing and revoking API keys.

use model::{ApiKeyId, OrganizationId, ProjectId, Timestamp};

use super::key_rows::{Scopes, key_columns, read_check, read_key};
use super::{ApiKey, ApiKeyCheck, KeyStatus, KeyUse, NewApiKey};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::{Json, params};
use crate::{Error, Signal, Store};

impl Store {
    /// Keeps a key.
    ///
    /// # Errors
    /// [`Error::Duplicate`] `api_keys_hash`; [`Error::Unavailable`].
    pub async fn insert_api_key(&self, new: NewApiKey) -> Result<(), Error> {
        self.write(new, |tx, new| Box::pin(insert(tx, new))).await
    }

    /// The key with this hash, whatever its state: what each request is authenticated by.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn unscoped_find_api_key_by_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<ApiKeyCheck>, Error> {
        self.read(Read::Point, *hash, |tx, hash| {
            Box::pin(find_by_hash(tx, hash))
        })
        .await
    }

    /// The keys of an organization (of one project if given), oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_api_keys(
        &self,
        organization_id: OrganizationId,
        project_id: Option<ProjectId>,
    ) -> Result<Vec<ApiKey>, Error> {
        self.read(
            Read::Bulk,
            (organization_id, project_id),
            |tx, (organization_id, project_id)| Box::pin(list(tx, *organization_id, *project_id)),
        )
        .await
    }

    /// Disables or enables a key that was not revoked. From the answer on, the next request with
    /// it sees the change.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none or it was revoked; [`Error::Unavailable`].
    pub async fn set_api_key_status(
        &self,
        organization_id: OrganizationId,
        id: ApiKeyId,
        status: KeyStatus,
    ) -> Result<(), Error> {
        self.write(
            (organization_id, id, status),
            |tx, (organization, id, status)| Box::pin(set_status(tx, *organization, *id, *status)),
        )
        .await
    }

    /// Revokes a key for ever; one that was revoked stays as it is.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn revoke_api_key(
        &self,
        organization_id: OrganizationId,
        id: ApiKeyId,
        at: Timestamp,
        reason: Option<String>,
    ) -> Result<(), Error> {
        self.write(
            (organization_id, id, at, reason),
            |tx, (organization, id, at, reason)| {
                Box::pin(revoke(tx, *organization, *id, *at, reason.as_deref()))
            },
        )
        .await
    }

    /// Notes when and from where keys were last used.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn touch_api_keys(&self, mut uses: Vec<KeyUse>) -> Result<(), Error> {
        // One order for everybody: no two commands wait for each other's rows.
        uses.sort_by_key(|used| (used.id, used.at));
        self.write(uses, |tx, uses| Box::pin(touch(tx, uses))).await
    }
}

pub(super) async fn insert(tx: &mut Tx, new: &NewApiKey) -> Result<(), Error> {
    let key = &new.key;
    tx.execute(
        "INSERT INTO api_keys (id, organization_id, project_id, prefix, class, name, scopes,
            cidrs, limits, metadata, status, created_by, created_at, expires_at, parent, lineage,
            rotated_from, overlap_until, last_used_at, last_used_ip, revoked_at, revoke_reason,
            hash, hash_alg)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, $22, $23, $24)",
        params![
            key.id,
            key.organization_id,
            key.project_id,
            &key.prefix,
            key.class,
            &key.name,
            &Scopes(key.scopes.clone()),
            Json(&key.cidrs),
            key.limits.as_ref().map(Json),
            key.metadata.as_ref().map(Json),
            key.status,
            &key.created_by,
            key.created_at,
            key.expires_at,
            key.parent,
            key.lineage,
            key.rotated_from,
            key.overlap_until,
            key.last_used_at,
            key.last_used_ip.as_ref(),
            key.revoked_at,
            key.revoke_reason.as_ref(),
            new.hash.bytes.as_slice(),
            &new.hash.algorithm,
        ],
    )
    .await
    .map(drop)
}

/// What each request begins with.
pub(crate) const FIND_BY_HASH: &str =
    "SELECT k.id, k.lineage, k.organization_id, k.project_id, k.class, k.scopes,
        k.created_by, k.status, k.expires_at, k.overlap_until, k.cidrs, k.hash_alg,
        o.status, p.status
     FROM api_keys k
     JOIN organizations o ON o.id = k.organization_id
     LEFT JOIN projects p ON p.id = k.project_id
     WHERE k.hash = $1";

async fn find_by_hash(tx: &mut Tx, hash: &[u8; 32]) -> Result<Option<ApiKeyCheck>, Error> {
    let row = tx.query_opt(FIND_BY_HASH, params![hash.as_slice()]).await?;
    row.map(read_check).transpose()
}

async fn list(
    tx: &mut Tx,
    organization_id: OrganizationId,
    project_id: Option<ProjectId>,
) -> Result<Vec<ApiKey>, Error> {
    let rows = match project_id {
        Some(project_id) => {
            let sql = concat!(
                "SELECT ",
                key_columns!(),
                " FROM api_keys WHERE organization_id = $1 AND project_id = $2
                  ORDER BY created_at, id"
            );
            tx.query(sql, params![organization_id, project_id]).await?
        }
        None => {
            let sql = concat!(
                "SELECT ",
                key_columns!(),
                " FROM api_keys WHERE organization_id = $1 ORDER BY created_at, id"
            );
            tx.query(sql, params![organization_id]).await?
        }
    };
    rows.into_iter().map(read_key).collect()
}

async fn set_status(
    tx: &mut Tx,
    organization_id: OrganizationId,
    id: ApiKeyId,
    status: KeyStatus,
) -> Result<(), Error> {
    let changed = tx
        .execute(
            "UPDATE api_keys SET status = $3
             WHERE organization_id = $1 AND id = $2 AND status <> 'revoked'",
            params![organization_id, id, status],
        )
        .await?;
    if changed == 0 {
        return Err(Error::NotFound);
    }
    tx.signal(Signal::CredentialsChanged);
    Ok(())
}

pub(super) async fn revoke(
    tx: &mut Tx,
    organization_id: OrganizationId,
    id: ApiKeyId,
    at: Timestamp,
    reason: Option<&str>,
) -> Result<(), Error> {
    let changed = tx
        .execute(
            "UPDATE api_keys
             SET status = 'revoked', revoked_at = COALESCE(revoked_at, $3),
                 revoke_reason = COALESCE(revoke_reason, $4)
             WHERE organization_id = $1 AND id = $2",
            params![organization_id, id, at, reason],
        )
        .await?;
    if changed == 0 {
        return Err(Error::NotFound);
    }
    tx.signal(Signal::CredentialsChanged);
    Ok(())
}

async fn touch(tx: &mut Tx, uses: &[KeyUse]) -> Result<(), Error> {
    for used in uses {
        tx.execute(
            "UPDATE api_keys SET last_used_at = $2, last_used_ip = $3
             WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $2)",
            params![used.id, used.at, used.ip.as_ref()],
        )
        .await?;
    }
    Ok(())
}
