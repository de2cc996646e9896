//! Making, finding and changing widget apps.

use model::{AppId, OrganizationId, ProjectId, Timestamp, WidgetAppId};

use serde_json::json;

use super::TenantStatus;
use super::facts::of_app;
use super::widget_rows::{
    WidgetApp, WidgetAppPatch, WidgetAppSecret, app_columns, read_app, read_secret,
};
use crate::audit::{AuditAction, ChangedBy, Done, record};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::{Json, params};
use crate::{Error, Signal, Store, dialect};

/// A widget app to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewWidgetApp {
    /// Its record.
    pub app: WidgetApp,
    /// Its first secret.
    pub secret: WidgetAppSecret,
}

/// What an exchange needs to know of an app.
#[derive(Debug, Clone, PartialEq)]
pub struct WidgetAppCheck {
    /// The app.
    pub app: WidgetApp,
    /// Its secrets, expired ones too.
    pub secrets: Vec<WidgetAppSecret>,
    /// Whether its organization is in use.
    pub organization_status: TenantStatus,
    /// Whether its project is.
    pub project_status: TenantStatus,
}

/// Which app of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WidgetAppScope {
    /// The organization.
    pub organization_id: OrganizationId,
    /// The project.
    pub project_id: ProjectId,
    /// The app.
    pub id: WidgetAppId,
}

impl Store {
    /// Keeps an app with its first secret.
    ///
    /// # Errors
    /// [`Error::Duplicate`] `widget_apps_app_id`; [`Error::Unavailable`].
    pub async fn insert_widget_app(&self, new: NewWidgetApp, by: ChangedBy) -> Result<(), Error> {
        self.write("insert_widget_app", (new, by), |tx, (new, by)| {
            Box::pin(insert(tx, new, by))
        })
        .await
    }

    /// The apps of a project, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_widget_apps(
        &self,
        organization_id: OrganizationId,
        project_id: ProjectId,
    ) -> Result<Vec<WidgetApp>, Error> {
        self.read(
            "list_widget_apps",
            Read::Bulk,
            (organization_id, project_id),
            |tx, (organization, project)| Box::pin(list(tx, *organization, *project)),
        )
        .await
    }

    /// An app.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_widget_app(&self, scope: WidgetAppScope) -> Result<Option<WidgetApp>, Error> {
        self.read("find_widget_app", Read::Point, scope, |tx, scope| {
            Box::pin(find(tx, *scope))
        })
        .await
    }

    /// The app of that public name, with what its credentials are checked against.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn unscoped_find_widget_app_by_app_id(
        &self,
        app_id: AppId,
    ) -> Result<Option<WidgetAppCheck>, Error> {
        self.read(
            "unscoped_find_widget_app_by_app_id",
            Read::Point,
            app_id,
            |tx, app_id| Box::pin(find_by_app_id(tx, app_id)),
        )
        .await
    }

    /// Changes an app. From the answer on, the next request with a token of it sees the change.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn update_widget_app(
        &self,
        scope: WidgetAppScope,
        patch: WidgetAppPatch,
        by: ChangedBy,
    ) -> Result<WidgetApp, Error> {
        self.write(
            "update_widget_app",
            (scope, patch, by),
            |tx, (scope, patch, by)| Box::pin(update(tx, *scope, patch, by)),
        )
        .await
    }

    /// Deletes an app with its secrets, end users and sessions. Tasks keep the ids of their end
    /// users, which nobody has any more.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn delete_widget_app(
        &self,
        scope: WidgetAppScope,
        by: ChangedBy,
    ) -> Result<(), Error> {
        self.write("delete_widget_app", (scope, by), |tx, (scope, by)| {
            Box::pin(delete(tx, *scope, by))
        })
        .await
    }

    /// Gives an app another secret; those it had work until `old_until` at most.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn rotate_widget_app_secret(
        &self,
        scope: WidgetAppScope,
        secret: WidgetAppSecret,
        old_until: Timestamp,
        by: ChangedBy,
    ) -> Result<(), Error> {
        self.write(
            "rotate_widget_app_secret",
            (scope, secret, old_until, by),
            |tx, (scope, secret, until, by)| Box::pin(rotate(tx, *scope, secret, *until, by)),
        )
        .await
    }
}

async fn insert(tx: &mut Tx, new: &NewWidgetApp, by: &ChangedBy) -> Result<(), Error> {
    let app = &new.app;
    tx.execute(
        "INSERT INTO widget_apps (id, organization_id, project_id, app_id, name, allowed_origins,
            allow_null_origin, require_origin, status, theme, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        params![
            app.id,
            app.organization_id,
            app.project_id,
            app.app_id.as_str(),
            &app.name,
            Json(&app.allowed_origins),
            app.allow_null_origin,
            app.require_origin,
            app.status,
            app.theme.as_ref().map(Json),
            &app.created_by,
            app.created_at,
        ],
    )
    .await?;
    insert_secret(tx, app.id, &new.secret).await?;
    let done = Done::made(AuditAction::WidgetAppCreate, app.id, of_app(app));
    record(tx, Some(app.organization_id), by, &done).await
}

async fn insert_secret(
    tx: &mut Tx,
    id: WidgetAppId,
    secret: &WidgetAppSecret,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO widget_app_secrets (widget_app_id, hash, hash_alg, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)",
        params![
            id,
            secret.hash.bytes.as_slice(),
            &secret.hash.algorithm,
            secret.created_at,
            secret.expires_at,
        ],
    )
    .await
    .map(drop)
}

async fn list(
    tx: &mut Tx,
    organization_id: OrganizationId,
    project_id: ProjectId,
) -> Result<Vec<WidgetApp>, Error> {
    let sql = concat!(
        "SELECT ",
        app_columns!(),
        " FROM widget_apps WHERE organization_id = $1 AND project_id = $2
          ORDER BY created_at, id"
    );
    let rows = tx.query(sql, params![organization_id, project_id]).await?;
    rows.into_iter().map(|mut row| read_app(&mut row)).collect()
}

pub(super) async fn find(tx: &mut Tx, scope: WidgetAppScope) -> Result<Option<WidgetApp>, Error> {
    let sql = concat!(
        "SELECT ",
        app_columns!(),
        " FROM widget_apps WHERE organization_id = $1 AND project_id = $2 AND id = $3"
    );
    let values = params![scope.organization_id, scope.project_id, scope.id];
    let row = tx.query_opt(sql, values).await?;
    row.map(|mut row| read_app(&mut row)).transpose()
}

async fn find_by_app_id(tx: &mut Tx, app_id: &AppId) -> Result<Option<WidgetAppCheck>, Error> {
    tx.snapshot().await?;
    let sql = concat!(
        "SELECT ",
        app_columns!(),
        ",
            (SELECT status FROM organizations o WHERE o.id = organization_id),
            (SELECT status FROM projects p WHERE p.id = project_id)
          FROM widget_apps WHERE app_id = $1"
    );
    let Some(mut row) = tx.query_opt(sql, params![app_id.as_str()]).await? else {
        return Ok(None);
    };
    let app = read_app(&mut row)?;
    let secrets = tx
        .query(
            "SELECT hash, hash_alg, created_at, expires_at FROM widget_app_secrets
             WHERE widget_app_id = $1 ORDER BY created_at",
            params![app.id],
        )
        .await?;
    Ok(Some(WidgetAppCheck {
        organization_status: row.next("organizations.status")?,
        project_status: row.next("projects.status")?,
        secrets: secrets
            .into_iter()
            .map(read_secret)
            .collect::<Result<_, _>>()?,
        app,
    }))
}

async fn update(
    tx: &mut Tx,
    scope: WidgetAppScope,
    patch: &WidgetAppPatch,
    by: &ChangedBy,
) -> Result<WidgetApp, Error> {
    let lock = tx.pick(&dialect::LOCK_WIDGET_APP);
    tx.query_opt(lock, params![scope.id]).await?;
    let app = find(tx, scope).await?.ok_or(Error::NotFound)?;
    let before = of_app(&app);
    let app = patched(app, patch.clone());
    tx.execute(
        "UPDATE widget_apps SET name = $2, allowed_origins = $3, allow_null_origin = $4,
            require_origin = $5, status = $6, theme = $7
         WHERE id = $1",
        params![
            app.id,
            &app.name,
            Json(&app.allowed_origins),
            app.allow_null_origin,
            app.require_origin,
            app.status,
            app.theme.as_ref().map(Json),
        ],
    )
    .await?;
    let done = Done::changed(AuditAction::WidgetAppUpdate, app.id, before, of_app(&app));
    record(tx, Some(app.organization_id), by, &done).await?;
    tx.signal(Signal::CredentialsChanged);
    Ok(app)
}

fn patched(app: WidgetApp, patch: WidgetAppPatch) -> WidgetApp {
    WidgetApp {
        name: patch.name.unwrap_or(app.name),
        allowed_origins: patch.allowed_origins.unwrap_or(app.allowed_origins),
        allow_null_origin: patch.allow_null_origin.unwrap_or(app.allow_null_origin),
        require_origin: patch.require_origin.unwrap_or(app.require_origin),
        status: patch.status.unwrap_or(app.status),
        theme: patch.theme.unwrap_or(app.theme),
        ..app
    }
}

async fn rotate(
    tx: &mut Tx,
    scope: WidgetAppScope,
    secret: &WidgetAppSecret,
    old_until: Timestamp,
    by: &ChangedBy,
) -> Result<(), Error> {
    let lock = tx.pick(&dialect::LOCK_WIDGET_APP);
    tx.query_opt(lock, params![scope.id]).await?;
    let app = find(tx, scope).await?.ok_or(Error::NotFound)?;
    tx.execute(
        "UPDATE widget_app_secrets SET expires_at = $2
         WHERE widget_app_id = $1 AND (expires_at IS NULL OR expires_at > $2)",
        params![app.id, old_until],
    )
    .await?;
    // What has ceased to work is of no use to anybody.
    tx.execute(
        "DELETE FROM widget_app_secrets WHERE widget_app_id = $1 AND expires_at <= $2",
        params![app.id, secret.created_at],
    )
    .await?;
    insert_secret(tx, app.id, secret).await?;
    let after = json!({"oldWorksUntil": old_until.to_string()});
    let done = Done::made(AuditAction::WidgetAppRotateSecret, app.id, after);
    record(tx, Some(app.organization_id), by, &done).await
}

async fn delete(tx: &mut Tx, scope: WidgetAppScope, by: &ChangedBy) -> Result<(), Error> {
    let app = find(tx, scope).await?.ok_or(Error::NotFound)?;
    for sql in [
        "DELETE FROM widget_sessions WHERE widget_app_id = $1",
        "DELETE FROM end_users WHERE widget_app_id = $1",
        "DELETE FROM widget_app_secrets WHERE widget_app_id = $1",
        "DELETE FROM widget_apps WHERE id = $1",
    ] {
        tx.execute(sql, params![app.id]).await?;
    }
    let done = Done::removed(AuditAction::WidgetAppDelete, app.id, of_app(&app));
    record(tx, Some(app.organization_id), by, &done).await?;
    tx.signal(Signal::CredentialsChanged);
    Ok(())
}
