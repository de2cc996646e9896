//! People who can sign in, and the links that let them choose a password.

use std::fmt;

use model::{Email, OrganizationId, Role, Timestamp, UserId};

use super::people_log::record_of_person;
use crate::audit::{AuditAction, ChangedBy, Done, record};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::{FromCell, Row, Value, name_values, params};
use crate::{Error, Signal, Store};

/// Whether a person may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserStatus {
    /// They may.
    Active,
    /// They may not, and are signed in nowhere.
    Disabled,
}

impl UserStatus {
    /// The database name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Disabled]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

name_values!(UserStatus);

/// What is kept of a password: its hash with salt and parameters, as a PHC string.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordRecord(String);

impl PasswordRecord {
    /// Takes the PHC string.
    pub fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordRecord(***)")
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// What they sign in with.
    pub email: Email,
    /// What they are called.
    pub name: String,
    /// Their password; `None`: they have not chosen one yet.
    pub password: Option<PasswordRecord>,
    /// Whether they may sign in.
    pub status: UserStatus,
    /// When they were made.
    pub created_at: Timestamp,
}

/// What changes of a person: `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserPatch {
    /// What they are called.
    pub name: Option<String>,
    /// Their password. A new one ends every sign-in but one, and their open link.
    pub password: Option<PasswordRecord>,
}

/// A link that lets its holder choose a password, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordLink {
    /// Whose password.
    pub user_id: UserId,
    /// SHA-256 of the link's secret.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it does not work.
    pub expires_at: Timestamp,
}

impl Store {
    /// The person with this address.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn unscoped_find_user_by_email(&self, email: Email) -> Result<Option<User>, Error> {
        let name = "unscoped_find_user_by_email";
        self.read(name, Read::Point, email, |tx, email| {
            Box::pin(find_by_email(tx, email))
        })
        .await
    }

    /// A person.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_user(&self, id: UserId) -> Result<Option<User>, Error> {
        self.read("find_user", Read::Point, id, |tx, id| {
            Box::pin(find_user(tx, *id))
        })
        .await
    }

    /// Changes a person. A new password ends all their sign-ins but that with the hash `keep`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn update_user(
        &self,
        id: UserId,
        patch: UserPatch,
        keep: Option<model::ConsoleSessionId>,
        by: ChangedBy,
    ) -> Result<User, Error> {
        let input = (id, patch, keep, by);
        self.write("update_user", input, |tx, (id, patch, keep, by)| {
            Box::pin(update(tx, *id, patch, *keep, by))
        })
        .await
    }

    /// The owner of an organization; `new` becomes it if there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ensure_owner(
        &self,
        organization_id: OrganizationId,
        new: User,
        by: ChangedBy,
    ) -> Result<User, Error> {
        let input = (organization_id, new, by);
        self.write("ensure_owner", input, |tx, (id, new, by)| {
            Box::pin(ensure_owner(tx, *id, new, by))
        })
        .await
    }

    /// Keeps a link in the place of the one that the person had.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn replace_password_link(
        &self,
        link: PasswordLink,
        by: ChangedBy,
    ) -> Result<(), Error> {
        self.write("replace_password_link", (link, by), |tx, (link, by)| {
            Box::pin(replace_link(tx, link, by))
        })
        .await
    }

    /// Whether a person has a link that works at `now`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn has_password_link(&self, id: UserId, now: Timestamp) -> Result<bool, Error> {
        self.read(
            "has_password_link",
            Read::Point,
            (id, now),
            |tx, (id, now)| {
                Box::pin(async move {
                    let sql =
                        "SELECT user_id FROM password_links WHERE user_id = $1 AND expires_at > $2";
                    Ok(tx.query_opt(sql, params![*id, *now]).await?.is_some())
                })
            },
        )
        .await
    }

    /// Whose password the link with this hash lets its holder choose at `now`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn unscoped_find_password_link(
        &self,
        hash: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<User>, Error> {
        let name = "unscoped_find_password_link";
        self.read(name, Read::Point, (hash, now), |tx, (hash, now)| {
            Box::pin(find_link(tx, hash, *now))
        })
        .await
    }

    /// Uses a link up: sets the password (and name) of whose it is, who is signed in nowhere then.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it does not work (any more); [`Error::Unavailable`].
    pub async fn use_password_link(
        &self,
        hash: [u8; 32],
        patch: UserPatch,
        by: ChangedBy,
    ) -> Result<User, Error> {
        let input = (hash, patch, by);
        self.write("use_password_link", input, |tx, (hash, patch, by)| {
            Box::pin(use_link(tx, hash, patch, by))
        })
        .await
    }
}

const FIND_USER: &str =
    "SELECT id, email, name, password, status, created_at FROM users WHERE id = $1";

fn read_user(mut row: Row) -> Result<User, Error> {
    let id = row.next("users.id")?;
    let email: String = row.next("users.email")?;
    let email = Email::parse(&email).map_err(|error| Error::corrupt_by("users.email", error))?;
    let name = row.next("users.name")?;
    let password: Option<String> = row.next("users.password")?;
    Ok(User {
        id,
        email,
        name,
        password: password.map(PasswordRecord::new),
        status: row.next("users.status")?,
        created_at: row.next("users.created_at")?,
    })
}

pub(super) async fn find_user(tx: &mut Tx, id: UserId) -> Result<Option<User>, Error> {
    let row = tx.query_opt(FIND_USER, params![id]).await?;
    row.map(read_user).transpose()
}

pub(super) async fn find_by_email(tx: &mut Tx, email: &Email) -> Result<Option<User>, Error> {
    let row = tx
        .query_opt(
            "SELECT id, email, name, password, status, created_at FROM users WHERE email = $1",
            params![email.as_str()],
        )
        .await?;
    row.map(read_user).transpose()
}

pub(super) async fn insert_user(tx: &mut Tx, user: &User) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO users (id, email, name, password, status, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![
            user.id,
            user.email.as_str(),
            &user.name,
            user.password.as_ref().map(PasswordRecord::as_str),
            user.status,
            user.created_at,
        ],
    )
    .await
    .map(drop)
}

async fn update(
    tx: &mut Tx,
    id: UserId,
    patch: &UserPatch,
    keep: Option<model::ConsoleSessionId>,
    by: &ChangedBy,
) -> Result<User, Error> {
    let changed = tx
        .execute(
            "UPDATE users SET name = COALESCE($2, name), password = COALESCE($3, password)
             WHERE id = $1",
            params![
                id,
                patch.name.as_ref(),
                patch.password.as_ref().map(PasswordRecord::as_str)
            ],
        )
        .await?;
    if changed == 0 {
        return Err(Error::NotFound);
    }
    if patch.password.is_some() {
        tx.execute(
            "DELETE FROM console_sessions WHERE user_id = $1 AND id <> $2",
            params![id, keep.map_or_else(String::new, |id| id.to_string())],
        )
        .await?;
        let sql = "DELETE FROM password_links WHERE user_id = $1";
        tx.execute(sql, params![id]).await?;
        tx.signal(Signal::CredentialsChanged);
        let how = match keep {
            Some(_) => "password",
            None => "link",
        };
        let facts = serde_json::json!({"by": how});
        let done = Done::made(AuditAction::PasswordUpdate, id, facts);
        record_of_person(tx, id, by, &done).await?;
    }
    find_user(tx, id).await?.ok_or(Error::NotFound)
}

async fn ensure_owner(
    tx: &mut Tx,
    organization_id: OrganizationId,
    new: &User,
    by: &ChangedBy,
) -> Result<User, Error> {
    let row = tx
        .query_opt(
            "SELECT user_id FROM memberships WHERE organization_id = $1 AND role = 'owner'
             ORDER BY joined_at DESC, user_id DESC",
            params![organization_id],
        )
        .await?;
    if let Some(mut row) = row {
        let id = row.next("memberships.user_id")?;
        let owner = find_user(tx, id).await?;
        return owner.ok_or_else(|| Error::corrupt("memberships.user_id"));
    }
    // Two servers that start at once on one database both get here.
    tx.execute(
        "INSERT INTO users (id, email, name, password, status, created_at)
         VALUES ($1, $2, $3, NULL, $4, $5) ON CONFLICT (email) DO NOTHING",
        params![
            new.id,
            new.email.as_str(),
            &new.name,
            new.status,
            new.created_at
        ],
    )
    .await?;
    let user = find_by_email(tx, &new.email).await?;
    let user = user.ok_or_else(|| Error::corrupt("users.email"))?;
    tx.execute(
        "INSERT INTO memberships (organization_id, user_id, role, projects, joined_at)
         VALUES ($1, $2, $3, NULL, $4)
         ON CONFLICT (organization_id, user_id) DO UPDATE SET role = excluded.role",
        params![organization_id, user.id, Role::Owner, new.created_at],
    )
    .await?;
    let facts = serde_json::json!({
        "email": user.email.as_str(), "role": Role::Owner.as_str(), "projectIds": null,
    });
    let done = Done::made(AuditAction::MemberJoin, user.id, facts);
    record(tx, Some(organization_id), by, &done).await?;
    tx.signal(Signal::CredentialsChanged);
    Ok(user)
}

async fn replace_link(tx: &mut Tx, link: &PasswordLink, by: &ChangedBy) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO password_links (user_id, hash, created_at, expires_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash,
            created_at = excluded.created_at, expires_at = excluded.expires_at",
        params![
            link.user_id,
            link.hash.as_slice(),
            link.created_at,
            link.expires_at
        ],
    )
    .await?;
    let facts = serde_json::json!({"expiresAt": link.expires_at.to_string()});
    let done = Done::made(AuditAction::PasswordLinkCreate, link.user_id, facts);
    record_of_person(tx, link.user_id, by, &done).await
}

async fn find_link(tx: &mut Tx, hash: &[u8; 32], now: Timestamp) -> Result<Option<User>, Error> {
    let row = tx
        .query_opt(
            "SELECT u.id, u.email, u.name, u.password, u.status, u.created_at
             FROM password_links l JOIN users u ON u.id = l.user_id
             WHERE l.hash = $1 AND l.expires_at > $2 AND u.status = 'active'",
            params![hash.as_slice(), now],
        )
        .await?;
    row.map(read_user).transpose()
}

async fn use_link(
    tx: &mut Tx,
    hash: &[u8; 32],
    patch: &UserPatch,
    by: &ChangedBy,
) -> Result<User, Error> {
    let user = find_link(tx, hash, by.at).await?.ok_or(Error::NotFound)?;
    let used = tx
        .execute(
            "DELETE FROM password_links WHERE hash = $1",
            params![hash.as_slice()],
        )
        .await?;
    // Of two that use it at once, the second finds it gone.
    if used == 0 {
        return Err(Error::NotFound);
    }
    update(tx, user.id, patch, None, by).await
}
