//! Sign-ins of people: what a console cookie stands for.

use model::{ConsoleSessionId, Membership, OrganizationId, Role, Timestamp, UserId};

use serde_json::json;

use super::members::Projects;
use super::people::find_user;
use super::{PasswordRecord, TenantStatus, UserStatus};
use crate::audit::{AuditAction, ChangedBy, Done, record};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::{Row, params};
use crate::{Error, Signal, Store};

/// Sign-ins that a person has at most; the oldest ends for a further one.
const MAX_SESSIONS: i64 = 50;

/// A sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSession {
    /// Its id.
    pub id: ConsoleSessionId,
    /// Who.
    pub user_id: UserId,
    /// The organization that it speaks for.
    pub organization_id: Option<OrganizationId>,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When it was last used, to about a minute.
    pub last_seen_at: Timestamp,
    /// From when on it does not work, however much it is used.
    pub expires_at: Timestamp,
    /// From where it was last used.
    pub ip: Option<String>,
    /// What the browser calls itself.
    pub agent: Option<String>,
}

/// A sign-in to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConsoleSession {
    /// Its record.
    pub session: ConsoleSession,
    /// SHA-256 of the cookie's value.
    pub hash: [u8; 32],
    /// How often the person was refused since they signed in last.
    pub refused_before: u64,
    /// The password that the person had when they were let in: a sign-in that was on its way while
    /// it was changed is none.
    pub password: Option<PasswordRecord>,
}

/// How a sign-in is ended by the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnding {
    /// They sign out of it.
    SignOut,
    /// They end it from another.
    FromElsewhere,
}

/// What authentication needs to know of a sign-in, read in one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSessionCheck {
    /// Its id.
    pub id: ConsoleSessionId,
    /// Who.
    pub user_id: UserId,
    /// What they sign in with.
    pub email: String,
    /// Whether they may sign in.
    pub user_status: UserStatus,
    /// When it was last used.
    pub last_seen_at: Timestamp,
    /// From when on it does not work.
    pub expires_at: Timestamp,
    /// What they are in the organization that it speaks for, if that is in use.
    pub membership: Option<Membership>,
}

impl Store {
    /// Keeps a sign-in in the place of the one with the id `replaces`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn insert_console_session(
        &self,
        new: NewConsoleSession,
        replaces: Option<ConsoleSessionId>,
        by: ChangedBy,
    ) -> Result<(), Error> {
        let input = (new, replaces, by);
        self.write(
            "insert_console_session",
            input,
            |tx, (new, replaces, by)| Box::pin(insert(tx, new, *replaces, by)),
        )
        .await
    }

    /// The sign-in with this hash: what each request with a cookie is authenticated by.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn unscoped_find_console_session(
        &self,
        hash: [u8; 32],
    ) -> Result<Option<ConsoleSessionCheck>, Error> {
        let name = "unscoped_find_console_session";
        self.read(name, Read::Point, hash, |tx, hash| Box::pin(find(tx, hash)))
            .await
    }

    /// Notes that a sign-in was used.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn touch_console_session(
        &self,
        id: ConsoleSessionId,
        at: Timestamp,
        ip: Option<String>,
    ) -> Result<(), Error> {
        let input = (id, at, ip);
        self.write("touch_console_session", input, |tx, (id, at, ip)| {
            Box::pin(async move {
                tx.execute(
                    "UPDATE console_sessions SET last_seen_at = $2, ip = $3
                     WHERE id = $1 AND last_seen_at < $2",
                    params![*id, *at, ip.as_ref()],
                )
                .await
                .map(drop)
            })
        })
        .await
    }

    /// The sign-ins of a person that work at `now` and were used after `idle_since`, latest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_console_sessions(
        &self,
        user: UserId,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<Vec<ConsoleSession>, Error> {
        let input = (user, now, idle_since);
        self.read(
            "list_console_sessions",
            Read::Bulk,
            input,
            |tx, (user, now, idle_since)| Box::pin(list(tx, *user, *now, *idle_since)),
        )
        .await
    }

    /// Ends a sign-in of a person, at once.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn delete_console_session(
        &self,
        user: UserId,
        id: ConsoleSessionId,
        ending: SessionEnding,
        by: ChangedBy,
    ) -> Result<(), Error> {
        let input = (user, id, ending, by);
        self.write(
            "delete_console_session",
            input,
            |tx, (user, id, ending, by)| Box::pin(delete(tx, *user, *id, *ending, by)),
        )
        .await
    }

    /// Forgets sign-ins that expired before `now` or were not used since `idle_since`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_dead_console_sessions(
        &self,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<u64, Error> {
        let input = (now, idle_since);
        self.write(
            "delete_dead_console_sessions",
            input,
            |tx, (now, idle_since)| {
                Box::pin(async move {
                    tx.execute(
                        "DELETE FROM console_sessions
                         WHERE expires_at <= $1 OR last_seen_at <= $2",
                        params![*now, *idle_since],
                    )
                    .await
                })
            },
        )
        .await
    }
}

async fn delete(
    tx: &mut Tx,
    user: UserId,
    id: ConsoleSessionId,
    ending: SessionEnding,
    by: &ChangedBy,
) -> Result<(), Error> {
    let sql = "SELECT id, user_id, organization_id, created_at, last_seen_at, expires_at, ip, agent
         FROM console_sessions WHERE user_id = $1 AND id = $2";
    let row = tx.query_opt(sql, params![user, id]).await?;
    let session = row.map(read_session).transpose()?.ok_or(Error::NotFound)?;
    let sql = "DELETE FROM console_sessions WHERE user_id = $1 AND id = $2";
    // Of two at once the second finds it gone.
    if tx.execute(sql, params![user, id]).await? == 0 {
        return Err(Error::NotFound);
    }
    tx.signal(Signal::CredentialsChanged);
    let action = match ending {
        SessionEnding::SignOut => AuditAction::SessionSignOut,
        SessionEnding::FromElsewhere => AuditAction::SessionEnd,
    };
    let facts = json!({"ip": session.ip, "agent": session.agent});
    let done = Done::removed(action, id, facts);
    record(tx, session.organization_id, by, &done).await
}

async fn insert(
    tx: &mut Tx,
    new: &NewConsoleSession,
    replaces: Option<ConsoleSessionId>,
    by: &ChangedBy,
) -> Result<(), Error> {
    let user = find_user(tx, new.session.user_id).await?;
    let unchanged =
        user.is_some_and(|user| user.status == UserStatus::Active && user.password == new.password);
    if !unchanged {
        return Err(Error::NotFound);
    }
    let mut session = new.session.clone();
    if let Some(old) = replaces {
        let sql = "DELETE FROM console_sessions WHERE user_id = $1 AND id = $2
             RETURNING expires_at";
        let row = tx.query_opt(sql, params![session.user_id, old]).await?;
        // One that has ended meanwhile is replaced by none, and none lives longer for it.
        let mut row = row.ok_or(Error::NotFound)?;
        let end: Timestamp = row.next("console_sessions.expires_at")?;
        session.expires_at = session.expires_at.min(end);
        tx.signal(Signal::CredentialsChanged);
    }
    tx.execute(
        "INSERT INTO console_sessions (id, hash, user_id, organization_id, created_at,
            last_seen_at, expires_at, ip, agent)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            session.id,
            new.hash.as_slice(),
            session.user_id,
            session.organization_id,
            session.created_at,
            session.last_seen_at,
            session.expires_at,
            session.ip.as_ref(),
            session.agent.as_ref(),
        ],
    )
    .await?;
    tx.execute(
        "DELETE FROM console_sessions WHERE user_id = $1 AND id NOT IN
             (SELECT id FROM console_sessions WHERE user_id = $1
              ORDER BY created_at DESC, id LIMIT $2)",
        params![session.user_id, MAX_SESSIONS],
    )
    .await?;
    let facts = json!({"agent": session.agent, "refusedBefore": new.refused_before});
    let done = Done::made(AuditAction::SessionCreate, session.id, facts);
    record(tx, session.organization_id, by, &done).await
}

/// What each request with a cookie begins with.
pub(crate) const FIND_CONSOLE_SESSION: &str =
    "SELECT s.id, s.user_id, u.email, u.status, s.last_seen_at, s.expires_at,
        m.organization_id, m.role, m.projects, o.status
     FROM console_sessions s
     JOIN users u ON u.id = s.user_id
     LEFT JOIN memberships m ON m.organization_id = s.organization_id AND m.user_id = s.user_id
     LEFT JOIN organizations o ON o.id = m.organization_id
     WHERE s.hash = $1";

async fn find(tx: &mut Tx, hash: &[u8; 32]) -> Result<Option<ConsoleSessionCheck>, Error> {
    let row = tx
        .query_opt(FIND_CONSOLE_SESSION, params![hash.as_slice()])
        .await?;
    row.map(read_check).transpose()
}

fn read_check(mut row: Row) -> Result<ConsoleSessionCheck, Error> {
    let id = row.next("console_sessions.id")?;
    let user_id = row.next("console_sessions.user_id")?;
    let email = row.next("users.email")?;
    let user_status = row.next("users.status")?;
    let last_seen_at = row.next("console_sessions.last_seen_at")?;
    let expires_at = row.next("console_sessions.expires_at")?;
    let organization_id: Option<OrganizationId> = row.next("memberships.organization_id")?;
    let role: Option<Role> = row.next("memberships.role")?;
    let projects = row.next::<Projects>("memberships.projects")?.0;
    let status: Option<TenantStatus> = row.next("organizations.status")?;
    let membership = organization_id
        .zip(role)
        .filter(|_| status == Some(TenantStatus::Active))
        .map(|(organization_id, role)| Membership {
            organization_id,
            role,
            projects,
        });
    Ok(ConsoleSessionCheck {
        id,
        user_id,
        email,
        user_status,
        last_seen_at,
        expires_at,
        membership,
    })
}

async fn list(
    tx: &mut Tx,
    user: UserId,
    now: Timestamp,
    idle_since: Timestamp,
) -> Result<Vec<ConsoleSession>, Error> {
    let rows = tx
        .query(
            "SELECT id, user_id, organization_id, created_at, last_seen_at, expires_at, ip, agent
             FROM console_sessions
             WHERE user_id = $1 AND expires_at > $2 AND last_seen_at > $3
             ORDER BY created_at DESC, id",
            params![user, now, idle_since],
        )
        .await?;
    rows.into_iter().map(read_session).collect()
}

fn read_session(mut row: Row) -> Result<ConsoleSession, Error> {
    Ok(ConsoleSession {
        id: row.next("console_sessions.id")?,
        user_id: row.next("console_sessions.user_id")?,
        organization_id: row.next("console_sessions.organization_id")?,
        created_at: row.next("console_sessions.created_at")?,
        last_seen_at: row.next("console_sessions.last_seen_at")?,
        expires_at: row.next("console_sessions.expires_at")?,
        ip: row.next("console_sessions.ip")?,
        agent: row.next("console_sessions.agent")?,
    })
}
