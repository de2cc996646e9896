//! Making, finding, changing and revoking API keys.

use model::{ApiKeyId, OrganizationId, ProjectId, Timestamp};

use super::facts::of_key;
use super::key_rows::{Scopes, key_columns, read_check, read_key};
use super::{ApiKey, ApiKeyCheck, ApiKeyPatch, KeyCaller, KeyStatus, KeyUse, NewApiKey};
use crate::audit::{AuditAction, ChangedBy, Done, record};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::{Json, params};
use crate::{Error, Signal, Store, dialect};

impl Store {
    /// Keeps a key.
    ///
    /// # Errors
    /// [`Error::Duplicate`] `api_keys_hash`; [`Error::Unavailable`].
    pub async fn insert_api_key(&self, new: NewApiKey, by: ChangedBy) -> Result<(), Error> {
        self.write("insert_api_key", (new, by), |tx, (new, by)| {
            Box::pin(async move {
                insert(tx, new).await?;
                let key = &new.key;
                let done = Done::made(AuditAction::ApiKeyCreate, key.id, of_key(key));
                record(tx, Some(key.organization_id), by, &done).await
            })
        })
        .await
    }

    /// The key with this hash, whatever its state: what each request is authenticated by.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn unscoped_find_api_key_by_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<ApiKeyCheck>, Error> {
        self.read(
            "unscoped_find_api_key_by_hash",
            Read::Point,
            *hash,
            |tx, hash| Box::pin(find_by_hash(tx, hash)),
        )
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
            "list_api_keys",
            Read::Bulk,
            (organization_id, project_id),
            |tx, (organization_id, project_id)| Box::pin(list(tx, *organization_id, *project_id)),
        )
        .await
    }

    /// A key of an organization.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_api_key(
        &self,
        organization_id: OrganizationId,
        id: ApiKeyId,
    ) -> Result<Option<ApiKey>, Error> {
        self.read(
            "find_api_key",
            Read::Point,
            (organization_id, id),
            |tx, (organization, id)| Box::pin(find(tx, *organization, *id)),
        )
        .await
    }

    /// Changes a key. From the answer on, the next request with it sees the change.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none or it was revoked; [`Error::Unavailable`].
    pub async fn update_api_key(
        &self,
        organization_id: OrganizationId,
        id: ApiKeyId,
        patch: ApiKeyPatch,
        by: ChangedBy,
    ) -> Result<ApiKey, Error> {
        self.write(
            "update_api_key",
            (organization_id, id, patch, by),
            |tx, (organization, id, patch, by)| Box::pin(update(tx, *organization, *id, patch, by)),
        )
        .await
    }

    /// Makes a key the successor of another, which works until `overlap_until` at most. Lineage and
    /// predecessor of the new key are set by the store.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such key or it was revoked; [`Error::Conflict`] when it
    /// has a successor already; [`Error::Unavailable`].
    pub async fn rotate_api_key(
        &self,
        old: ApiKeyId,
        new: NewApiKey,
        overlap_until: Timestamp,
        by: ChangedBy,
    ) -> Result<ApiKey, Error> {
        self.write(
            "rotate_api_key",
            (old, new, overlap_until, by),
            |tx, (old, new, until, by)| Box::pin(rotate(tx, *old, new, *until, by)),
        )
        .await
    }

    /// From where a key was used, latest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_key_callers(
        &self,
        organization_id: OrganizationId,
        id: ApiKeyId,
    ) -> Result<Vec<KeyCaller>, Error> {
        self.read(
            "list_key_callers",
            Read::Bulk,
            (organization_id, id),
            |tx, (organization, id)| Box::pin(callers(tx, *organization, *id)),
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
        reason: Option<String>,
        by: ChangedBy,
    ) -> Result<(), Error> {
        self.write(
            "revoke_api_key",
            (organization_id, id, reason, by),
            |tx, (organization, id, reason, by)| {
                Box::pin(async move {
                    let reason = reason.as_deref();
                    let done = revoke(tx, *organization, *id, by.at, reason).await?;
                    record(tx, Some(*organization), by, &done).await
                })
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
        self.write("touch_api_keys", uses, |tx, uses| Box::pin(touch(tx, uses)))
            .await
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
        k.created_by, k.status, k.expires_at, k.overlap_until, k.cidrs, k.limits,
        k.hash_alg,
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

async fn find(
    tx: &mut Tx,
    organization_id: OrganizationId,
    id: ApiKeyId,
) -> Result<Option<ApiKey>, Error> {
    let sql = concat!(
        "SELECT ",
        key_columns!(),
        " FROM api_keys WHERE organization_id = $1 AND id = $2"
    );
    let row = tx.query_opt(sql, params![organization_id, id]).await?;
    row.map(read_key).transpose()
}

/// A key that was not revoked, held: nobody revokes it before the transaction ends.
async fn lock_live(
    tx: &mut Tx,
    organization_id: OrganizationId,
    id: ApiKeyId,
) -> Result<ApiKey, Error> {
    let lock = tx.pick(&dialect::LOCK_API_KEY);
    tx.query_opt(lock, params![id]).await?;
    let found = find(tx, organization_id, id).await?;
    found
        .filter(|key| key.status != KeyStatus::Revoked)
        .ok_or(Error::NotFound)
}

async fn update(
    tx: &mut Tx,
    organization_id: OrganizationId,
    id: ApiKeyId,
    patch: &ApiKeyPatch,
    by: &ChangedBy,
) -> Result<ApiKey, Error> {
    let old = lock_live(tx, organization_id, id).await?;
    let before = of_key(&old);
    let key = ApiKey {
        name: patch.name.clone().unwrap_or(old.name),
        status: patch.status.unwrap_or(old.status),
        expires_at: patch.expires_at.unwrap_or(old.expires_at),
        limits: patch.limits.unwrap_or(old.limits),
        ..old
    };
    tx.execute(
        "UPDATE api_keys SET name = $2, status = $3, expires_at = $4, limits = $5 WHERE id = $1",
        params![
            key.id,
            &key.name,
            key.status,
            key.expires_at,
            key.limits.map(Json)
        ],
    )
    .await?;
    let done = Done::changed(AuditAction::ApiKeyUpdate, key.id, before, of_key(&key));
    record(tx, Some(organization_id), by, &done).await?;
    tx.signal(Signal::CredentialsChanged);
    Ok(key)
}

async fn rotate(
    tx: &mut Tx,
    old: ApiKeyId,
    new: &NewApiKey,
    overlap_until: Timestamp,
    by: &ChangedBy,
) -> Result<ApiKey, Error> {
    let old = lock_live(tx, new.key.organization_id, old).await?;
    if old.overlap_until.is_some() {
        return Err(Error::Conflict);
    }
    tx.execute(
        "UPDATE api_keys SET overlap_until = $2 WHERE id = $1",
        params![old.id, overlap_until],
    )
    .await?;
    let mut new = new.clone();
    new.key.lineage = old.lineage;
    new.key.rotated_from = Some(old.id);
    insert(tx, &new).await?;
    let mut after = of_key(&new.key);
    after["id"] = new.key.id.to_string().into();
    after["oldWorksUntil"] = overlap_until.to_string().into();
    let done = Done::made(AuditAction::ApiKeyRotate, old.id, after);
    record(tx, Some(old.organization_id), by, &done).await?;
    tx.signal(Signal::CredentialsChanged);
    Ok(new.key)
}

async fn callers(
    tx: &mut Tx,
    organization_id: OrganizationId,
    id: ApiKeyId,
) -> Result<Vec<KeyCaller>, Error> {
    let rows = tx
        .query(
            "SELECT c.ip, c.last_used_at FROM api_key_callers c JOIN api_keys k ON k.id = c.key_id
             WHERE k.organization_id = $1 AND c.key_id = $2
             ORDER BY c.last_used_at DESC, c.ip",
            params![organization_id, id],
        )
        .await?;
    let caller = |mut row: crate::value::Row| {
        Ok(KeyCaller {
            ip: row.next("api_key_callers.ip")?,
            last_used_at: row.next("api_key_callers.last_used_at")?,
        })
    };
    rows.into_iter().map(caller).collect()
}

/// Revokes a key; says what that was.
pub(super) async fn revoke(
    tx: &mut Tx,
    organization_id: OrganizationId,
    id: ApiKeyId,
    at: Timestamp,
    reason: Option<&str>,
) -> Result<Done, Error> {
    let lock = tx.pick(&dialect::LOCK_API_KEY);
    tx.query_opt(lock, params![id]).await?;
    let found = find(tx, organization_id, id).await?;
    let old = found.ok_or(Error::NotFound)?;
    tx.execute(
        "UPDATE api_keys
         SET status = 'revoked', revoked_at = COALESCE(revoked_at, $3),
             revoke_reason = COALESCE(revoke_reason, $4)
         WHERE organization_id = $1 AND id = $2",
        params![organization_id, id, at, reason],
    )
    .await?;
    tx.signal(Signal::CredentialsChanged);
    let before = of_key(&old);
    let key = ApiKey {
        status: KeyStatus::Revoked,
        revoke_reason: old.revoke_reason.clone().or(reason.map(str::to_owned)),
        ..old
    };
    Ok(Done::changed(
        AuditAction::ApiKeyRevoke,
        id,
        before,
        of_key(&key),
    ))
}

/// Addresses that are kept of each key.
const KEPT_CALLERS: i64 = 20;

async fn touch(tx: &mut Tx, uses: &[KeyUse]) -> Result<(), Error> {
    for used in uses {
        tx.execute(
            "UPDATE api_keys SET last_used_at = $2, last_used_ip = $3
             WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $2)",
            params![used.id, used.at, used.ip.as_ref()],
        )
        .await?;
        let Some(ip) = &used.ip else { continue };
        tx.execute(
            "INSERT INTO api_key_callers (key_id, ip, last_used_at)
             SELECT id, $2, $3 FROM api_keys WHERE id = $1
             ON CONFLICT (key_id, ip) DO UPDATE SET last_used_at = excluded.last_used_at
             WHERE api_key_callers.last_used_at < excluded.last_used_at",
            params![used.id, ip, used.at],
        )
        .await?;
        tx.execute(
            "DELETE FROM api_key_callers WHERE key_id = $1 AND ip NOT IN
                 (SELECT ip FROM api_key_callers WHERE key_id = $1
                  ORDER BY last_used_at DESC, ip LIMIT $2)",
            params![used.id, KEPT_CALLERS],
        )
        .await?;
    }
    Ok(())
}
