//! API keys as they are kept: never the key itself, only its keyed hash.

use model::{ApiKeyId, KeyClass, OrganizationId, ProjectId, Rate, Scope, Timestamp};
use serde_json::Value as JsonValue;

use super::TenantStatus;
use crate::Error;
use crate::value::{FromCell, Json, Row, Value, name_values};

/// Whether a key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStatus {
    /// It does, until it expires.
    Active,
    /// It does not, and may again.
    Disabled,
    /// It never will again.
    Revoked,
}

impl KeyStatus {
    /// The database name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Revoked => "revoked",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Disabled, Self::Revoked]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

name_values!(KeyStatus);

/// An API key's record.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose tenant it belongs to.
    pub organization_id: OrganizationId,
    /// The project of a `project` key.
    pub project_id: Option<ProjectId>,
    /// The key's first 12 characters, for people.
    pub prefix: String,
    /// What kind of key.
    pub class: KeyClass,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The networks it may come from; empty: any.
    pub cidrs: Vec<String>,
    /// Requests a minute, where it has a limit of its own.
    pub limits: Option<Rate>,
    /// The owner's own labels.
    pub metadata: Option<JsonValue>,
    /// Whether it works.
    pub status: KeyStatus,
    /// The name of the user who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it does not work.
    pub expires_at: Option<Timestamp>,
    /// The key it was made with.
    pub parent: Option<ApiKeyId>,
    /// The first key of its rotation chain (itself if it never was rotated).
    pub lineage: ApiKeyId,
    /// The key it replaces.
    pub rotated_from: Option<ApiKeyId>,
    /// Once replaced: until when it works beside its successor.
    pub overlap_until: Option<Timestamp>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<Timestamp>,
    /// From where.
    pub last_used_ip: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Why.
    pub revoke_reason: Option<String>,
}

/// What is kept of a key's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHash {
    /// How it was made, with which secret: `hmac-sha256:<kid>`.
    pub algorithm: String,
    /// The hash.
    pub bytes: [u8; 32],
}

/// A key to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewApiKey {
    /// Its record.
    pub key: ApiKey,
    /// Its hash.
    pub hash: KeyHash,
}

/// What authentication needs to know of a key, read in one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyCheck {
    /// The key.
    pub id: ApiKeyId,
    /// The first key of its rotation chain.
    pub lineage: ApiKeyId,
    /// Whose tenant it belongs to.
    pub organization_id: OrganizationId,
    /// The project of a `project` key.
    pub project_id: Option<ProjectId>,
    /// What kind of key.
    pub class: KeyClass,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The name of the user who made it.
    pub username: String,
    /// Whether it works.
    pub status: KeyStatus,
    /// From when on it does not work.
    pub expires_at: Option<Timestamp>,
    /// Once replaced: until when it works beside its successor.
    pub overlap_until: Option<Timestamp>,
    /// The networks it may come from; empty: any.
    pub cidrs: Vec<String>,
    /// Its own limit.
    pub limits: Option<Rate>,
    /// How its hash was made.
    pub hash_algorithm: String,
    /// Whether its organization is in use.
    pub organization_status: TenantStatus,
    /// Whether its project is in use.
    pub project_status: Option<TenantStatus>,
}

/// What changes of a key: `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ApiKeyPatch {
    /// What it is called.
    pub name: Option<String>,
    /// Whether it works; a revoked one stays so.
    pub status: Option<KeyStatus>,
    /// From when on it does not work; `Some(None)`: never.
    pub expires_at: Option<Option<Timestamp>>,
    /// Its own limit; `Some(None)`: none.
    pub limits: Option<Option<Rate>>,
}

/// From where a key was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCaller {
    /// The address.
    pub ip: String,
    /// When last, to about a minute.
    pub last_used_at: Timestamp,
}

/// That a key was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// Which key.
    pub id: ApiKeyId,
    /// When.
    pub at: Timestamp,
    /// From where.
    pub ip: Option<String>,
}

/// The columns of a key, in the order of [`read_key`].
macro_rules! key_columns {
    () => {
        "id, organization_id, project_id, prefix, class, name, scopes, cidrs, limits, metadata, \
         status, created_by, created_at, expires_at, parent, lineage, rotated_from, \
         overlap_until, last_used_at, last_used_ip, revoked_at, revoke_reason"
    };
}

pub(super) use key_columns;

pub(super) fn read_key(mut row: Row) -> Result<ApiKey, Error> {
    let value = |json: Option<Json<JsonValue>>| json.map(|Json(value)| value);
    let rate = |json: Option<Json<Rate>>| json.map(|Json(rate)| rate);
    Ok(ApiKey {
        id: row.next("api_keys.id")?,
        organization_id: row.next("api_keys.organization_id")?,
        project_id: row.next("api_keys.project_id")?,
        prefix: row.next("api_keys.prefix")?,
        class: row.next("api_keys.class")?,
        name: row.next("api_keys.name")?,
        scopes: row.next::<Scopes>("api_keys.scopes")?.0,
        cidrs: row.next::<Json<Vec<String>>>("api_keys.cidrs")?.0,
        limits: rate(row.next("api_keys.limits")?),
        metadata: value(row.next("api_keys.metadata")?),
        status: row.next("api_keys.status")?,
        created_by: row.next("api_keys.created_by")?,
        created_at: row.next("api_keys.created_at")?,
        expires_at: row.next("api_keys.expires_at")?,
        parent: row.next("api_keys.parent")?,
        lineage: row.next("api_keys.lineage")?,
        rotated_from: row.next("api_keys.rotated_from")?,
        overlap_until: row.next("api_keys.overlap_until")?,
        last_used_at: row.next("api_keys.last_used_at")?,
        last_used_ip: row.next("api_keys.last_used_ip")?,
        revoked_at: row.next("api_keys.revoked_at")?,
        revoke_reason: row.next("api_keys.revoke_reason")?,
    })
}

pub(super) fn read_check(mut row: Row) -> Result<ApiKeyCheck, Error> {
    Ok(ApiKeyCheck {
        id: row.next("api_keys.id")?,
        lineage: row.next("api_keys.lineage")?,
        organization_id: row.next("api_keys.organization_id")?,
        project_id: row.next("api_keys.project_id")?,
        class: row.next("api_keys.class")?,
        scopes: row.next::<Scopes>("api_keys.scopes")?.0,
        username: row.next("api_keys.created_by")?,
        status: row.next("api_keys.status")?,
        expires_at: row.next("api_keys.expires_at")?,
        overlap_until: row.next("api_keys.overlap_until")?,
        cidrs: row.next::<Json<Vec<String>>>("api_keys.cidrs")?.0,
        limits: row
            .next::<Option<Json<Rate>>>("api_keys.limits")?
            .map(|Json(rate)| rate),
        hash_algorithm: row.next("api_keys.hash_alg")?,
        organization_status: row.next("organizations.status")?,
        project_status: row.next("projects.status")?,
    })
}

/// Scopes are kept as a JSON list of their names. A name that this version does not know makes
/// the row unreadable: a key must not work with fewer or more rights than it was given.
pub(super) struct Scopes(pub(super) Vec<Scope>);

impl From<&Scopes> for Value<'_> {
    fn from(Scopes(scopes): &Scopes) -> Self {
        let names: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        Value::from(Json(names))
    }
}

impl FromCell for Scopes {
    fn from_cell(cell: Value<'static>) -> Option<Self> {
        let Json(names) = Json::<Vec<String>>::from_cell(cell)?;
        let scopes: Option<Vec<_>> = names.iter().map(|name| Scope::parse(name)).collect();
        scopes.map(Self)
    }
}
