//! End users of widget apps, and the sessions that their tokens name.

use model::{EndUserId, OrganizationId, Timestamp, WidgetAppId, WidgetSessionId};

use serde_json::json;

use super::widget_rows::{
    EndUserStatus, WidgetSession, WidgetSessionCheck, read_session, read_session_check,
};
use super::widgets::{WidgetAppScope, find};
use crate::audit::{AuditAction, ChangedBy, Done, record};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::{Json, params};
use crate::{Error, Signal, Store};

/// An end user as an exchange finds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndUser {
    /// This server's name of them.
    pub id: EndUserId,
    /// Whether they may get tokens.
    pub status: EndUserStatus,
}

/// A session to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWidgetSession {
    /// The token's `sid`.
    pub id: WidgetSessionId,
    /// Whose token it is.
    pub end_user_id: EndUserId,
    /// The app.
    pub widget_app_id: WidgetAppId,
    /// The key that signs the token.
    pub kid: String,
    /// When.
    pub created_at: Timestamp,
    /// From when on the token does not work.
    pub expires_at: Timestamp,
    /// The end user's variables from now on, sealed; they replace those before.
    pub variables: Option<Vec<u8>>,
}

/// The variables of an end user and where they belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndUserVariables {
    /// The organization that they are sealed for.
    pub organization_id: OrganizationId,
    /// The sealed object.
    pub sealed: Vec<u8>,
}

/// What is cut off: the token of one session, or all of one end user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionsOf {
    /// One token.
    Session(WidgetSessionId),
    /// Every token of the end user whom the customer calls so.
    EndUser(String),
}

impl Store {
    /// The end user whom the customer calls `name`, made if there is none. `id` is for a new one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_or_insert_end_user(
        &self,
        app: WidgetAppId,
        name: String,
        id: EndUserId,
        at: Timestamp,
    ) -> Result<EndUser, Error> {
        self.write(
            "find_or_insert_end_user",
            (app, name, id, at),
            |tx, (app, name, id, at)| Box::pin(find_or_insert(tx, *app, name, *id, *at)),
        )
        .await
    }

    /// Keeps a session, and the variables that came with it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the end user was blocked meanwhile; [`Error::Unavailable`].
    pub async fn insert_widget_session(&self, new: NewWidgetSession) -> Result<(), Error> {
        self.write("insert_widget_session", new, |tx, new| {
            Box::pin(insert_session(tx, new))
        })
        .await
    }

    /// The session that a token names: what each request with a token is authenticated by.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn unscoped_find_widget_session(
        &self,
        id: WidgetSessionId,
    ) -> Result<Option<WidgetSessionCheck>, Error> {
        self.read("unscoped_find_widget_session", Read::Point, id, |tx, id| {
            Box::pin(find_session(tx, *id))
        })
        .await
    }

    /// The variables that an end user's commands get, for the worker that runs their task.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn unscoped_find_end_user_variables(
        &self,
        id: EndUserId,
    ) -> Result<Option<EndUserVariables>, Error> {
        self.read(
            "unscoped_find_end_user_variables",
            Read::Point,
            id,
            |tx, id| Box::pin(find_variables(tx, *id)),
        )
        .await
    }

    /// The sessions of an app whose tokens work at `now`, latest first.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn list_widget_sessions(
        &self,
        scope: WidgetAppScope,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<WidgetSession>, Error> {
        self.read(
            "list_widget_sessions",
            Read::Bulk,
            (scope, now, limit),
            |tx, (scope, now, limit)| Box::pin(list_sessions(tx, *scope, *now, *limit)),
        )
        .await
    }

    /// Cuts tokens off; says whose they are and how many worked until now.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such app, session or end user;
    /// [`Error::Unavailable`].
    pub async fn revoke_widget_sessions(
        &self,
        scope: WidgetAppScope,
        of: SessionsOf,
        by: ChangedBy,
    ) -> Result<(EndUserId, u64), Error> {
        self.write(
            "revoke_widget_sessions",
            (scope, of, by),
            |tx, (scope, of, by)| Box::pin(revoke_sessions(tx, *scope, of, by)),
        )
        .await
    }

    /// Lets an end user get tokens or not. One who was never seen is made, so that they can be
    /// blocked before they come.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such app; [`Error::Unavailable`].
    pub async fn set_end_user_status(
        &self,
        scope: WidgetAppScope,
        name: String,
        status: EndUserStatus,
        new_id: EndUserId,
        by: ChangedBy,
    ) -> Result<(), Error> {
        let input = (scope, name, status, new_id, by);
        self.write(
            "set_end_user_status",
            input,
            |tx, (scope, name, status, new_id, by)| {
                Box::pin(set_status(tx, *scope, name, (*status, *new_id), by))
            },
        )
        .await
    }

    /// Forgets sessions whose tokens expired before `before`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_expired_widget_sessions(&self, before: Timestamp) -> Result<u64, Error> {
        self.write("delete_expired_widget_sessions", before, |tx, before| {
            Box::pin(async move {
                tx.execute(
                    "DELETE FROM widget_sessions WHERE expires_at < $1",
                    params![*before],
                )
                .await
            })
        })
        .await
    }
}

async fn find_or_insert(
    tx: &mut Tx,
    app: WidgetAppId,
    name: &String,
    id: EndUserId,
    at: Timestamp,
) -> Result<EndUser, Error> {
    tx.execute(
        "INSERT INTO end_users (id, widget_app_id, name, status, created_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (widget_app_id, name) DO NOTHING",
        params![id, app, Json(name), EndUserStatus::Active, at],
    )
    .await?;
    let row = tx
        .query_opt(
            "SELECT id, status FROM end_users WHERE widget_app_id = $1 AND name = $2",
            params![app, Json(name)],
        )
        .await?;
    let mut row = row.ok_or_else(|| Error::corrupt("end_users"))?;
    Ok(EndUser {
        id: row.next("end_users.id")?,
        status: row.next("end_users.status")?,
    })
}

async fn set_status(
    tx: &mut Tx,
    scope: WidgetAppScope,
    name: &String,
    (status, new_id): (EndUserStatus, EndUserId),
    by: &ChangedBy,
) -> Result<(), Error> {
    let app = find(tx, scope).await?.ok_or(Error::NotFound)?;
    let user = find_or_insert(tx, app.id, name, new_id, by.at).await?;
    tx.execute(
        "UPDATE end_users SET status = $2 WHERE id = $1",
        params![user.id, status],
    )
    .await?;
    let action = match status {
        EndUserStatus::Active => AuditAction::EndUserUnblock,
        EndUserStatus::Blocked => AuditAction::EndUserBlock,
    };
    let after = json!({"widgetAppId": app.id.to_string(), "endUserId": name});
    let done = Done::made(action, user.id, after);
    record(tx, Some(app.organization_id), by, &done).await
}

async fn insert_session(tx: &mut Tx, new: &NewWidgetSession) -> Result<(), Error> {
    let changed = tx
        .execute(
            "UPDATE end_users SET variables = $2 WHERE id = $1 AND status = $3",
            params![
                new.end_user_id,
                new.variables.as_deref(),
                EndUserStatus::Active
            ],
        )
        .await?;
    if changed == 0 {
        return Err(Error::NotFound);
    }
    tx.execute(
        "INSERT INTO widget_sessions (id, end_user_id, widget_app_id, kid, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![
            new.id,
            new.end_user_id,
            new.widget_app_id,
            &new.kid,
            new.created_at,
            new.expires_at,
        ],
    )
    .await
    .map(drop)
}

/// What each request with a token begins with.
pub(crate) const FIND_SESSION: &str =
    "SELECT s.end_user_id, u.name, a.id, a.app_id, a.organization_id, a.project_id,
        a.allowed_origins, a.allow_null_origin, a.require_origin, s.expires_at, s.revoked_at,
        s.kid, k.state, a.status, o.status, p.status
     FROM widget_sessions s
     JOIN end_users u ON u.id = s.end_user_id
     JOIN widget_apps a ON a.id = s.widget_app_id
     JOIN signing_keys k ON k.kid = s.kid
     JOIN organizations o ON o.id = a.organization_id
     JOIN projects p ON p.id = a.project_id
     WHERE s.id = $1";

async fn find_session(
    tx: &mut Tx,
    id: WidgetSessionId,
) -> Result<Option<WidgetSessionCheck>, Error> {
    let row = tx.query_opt(FIND_SESSION, params![id]).await?;
    row.map(read_session_check).transpose()
}

async fn find_variables(tx: &mut Tx, id: EndUserId) -> Result<Option<EndUserVariables>, Error> {
    let row = tx
        .query_opt(
            "SELECT a.organization_id, u.variables FROM end_users u
             JOIN widget_apps a ON a.id = u.widget_app_id WHERE u.id = $1",
            params![id],
        )
        .await?;
    let Some(mut row) = row else { return Ok(None) };
    let organization_id = row.next("widget_apps.organization_id")?;
    let sealed: Option<Vec<u8>> = row.next("end_users.variables")?;
    Ok(sealed.map(|sealed| EndUserVariables {
        organization_id,
        sealed,
    }))
}

async fn list_sessions(
    tx: &mut Tx,
    scope: WidgetAppScope,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<WidgetSession>, Error> {
    let app = find(tx, scope).await?.ok_or(Error::NotFound)?;
    let rows = tx
        .query(
            "SELECT s.id, s.end_user_id, u.name, s.created_at, s.expires_at, s.revoked_at
             FROM widget_sessions s JOIN end_users u ON u.id = s.end_user_id
             WHERE s.widget_app_id = $1 AND s.expires_at > $2 AND s.revoked_at IS NULL
             ORDER BY s.created_at DESC, s.id LIMIT $3",
            params![app.id, now, limit],
        )
        .await?;
    rows.into_iter().map(read_session).collect()
}

async fn revoke_sessions(
    tx: &mut Tx,
    scope: WidgetAppScope,
    of: &SessionsOf,
    by: &ChangedBy,
) -> Result<(EndUserId, u64), Error> {
    let app = find(tx, scope).await?.ok_or(Error::NotFound)?;
    let (whom, sql, whose) = match of {
        SessionsOf::Session(id) => (
            "SELECT end_user_id FROM widget_sessions WHERE widget_app_id = $1 AND id = $2",
            "UPDATE widget_sessions SET revoked_at = $3
             WHERE widget_app_id = $1 AND id = $2 AND revoked_at IS NULL AND expires_at > $3",
            crate::value::Value::from(*id),
        ),
        SessionsOf::EndUser(name) => (
            "SELECT id FROM end_users WHERE widget_app_id = $1 AND name = $2",
            "UPDATE widget_sessions SET revoked_at = $3
             WHERE widget_app_id = $1 AND revoked_at IS NULL AND expires_at > $3
               AND end_user_id IN
                 (SELECT id FROM end_users WHERE widget_app_id = $1 AND name = $2)",
            crate::value::Value::from(Json(name)),
        ),
    };
    let found = tx.query_opt(whom, params![app.id, whose.clone()]).await?;
    let end_user: EndUserId = found.ok_or(Error::NotFound)?.next("end_users.id")?;
    let count = tx.execute(sql, params![app.id, whose, by.at]).await?;
    let after = json!({"widgetAppId": app.id.to_string(), "sessions": count});
    let done = match of {
        SessionsOf::Session(id) => Done::made(AuditAction::WidgetSessionRevoke, id, after),
        SessionsOf::EndUser(_) => Done::made(AuditAction::EndUserRevoke, end_user, after),
    };
    record(tx, Some(app.organization_id), by, &done).await?;
    tx.signal(Signal::CredentialsChanged);
    Ok((end_user, count))
}
