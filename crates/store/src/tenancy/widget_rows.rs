//! Widget apps and their end users as they are kept.

use model::{AppId, EndUserId, OrganizationId, ProjectId, Timestamp, WidgetAppId, WidgetSessionId};
use serde_json::Value as JsonValue;

use super::signing::SigningKeyState;
use super::{KeyHash, TenantStatus};
use crate::Error;
use crate::value::{FromCell, Json, Row, Value, name_values};

/// A widget app's record.
#[derive(Debug, Clone, PartialEq)]
pub struct WidgetApp {
    /// Its id.
    pub id: WidgetAppId,
    /// Whose tenant it belongs to.
    pub organization_id: OrganizationId,
    /// The project that its tasks run in.
    pub project_id: ProjectId,
    /// Its public name.
    pub app_id: AppId,
    /// What it is called.
    pub name: String,
    /// The pages that may use its tokens, as patterns of origins.
    pub allowed_origins: Vec<String>,
    /// Whether `Origin: null` (files, sandboxed frames, web views) may.
    pub allow_null_origin: bool,
    /// Whether a request must come from a page at all.
    pub require_origin: bool,
    /// Whether it is in use.
    pub status: TenantStatus,
    /// How it looks; the owner's own.
    pub theme: Option<JsonValue>,
    /// The name of the user who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What changes of a widget app: `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WidgetAppPatch {
    /// What it is called.
    pub name: Option<String>,
    /// The pages that may use its tokens.
    pub allowed_origins: Option<Vec<String>>,
    /// Whether `Origin: null` may.
    pub allow_null_origin: Option<bool>,
    /// Whether a request must come from a page.
    pub require_origin: Option<bool>,
    /// Whether it is in use.
    pub status: Option<TenantStatus>,
    /// How it looks; `Some(None)` empties it.
    pub theme: Option<Option<JsonValue>>,
}

/// A secret of an app: what its owner's backend proves itself with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WidgetAppSecret {
    /// What is kept of it.
    pub hash: KeyHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it does not work.
    pub expires_at: Option<Timestamp>,
}

/// Whether an end user may get tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndUserStatus {
    /// They may.
    Active,
    /// They may not.
    Blocked,
}

impl EndUserStatus {
    /// The database name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Blocked => "blocked",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Blocked]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

name_values!(EndUserStatus);

/// One exchange of app credentials for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WidgetSession {
    /// The token's `sid`.
    pub id: WidgetSessionId,
    /// Whose token it is.
    pub end_user_id: EndUserId,
    /// What the customer calls them.
    pub end_user_name: String,
    /// When the token was made.
    pub created_at: Timestamp,
    /// From when on it does not work.
    pub expires_at: Timestamp,
    /// When it was cut off.
    pub revoked_at: Option<Timestamp>,
}

/// What authentication needs to know of a token's session, read in one statement.
#[derive(Debug, Clone, PartialEq)]
pub struct WidgetSessionCheck {
    /// Whose token it is.
    pub end_user_id: EndUserId,
    /// What the customer calls them.
    pub end_user_name: String,
    /// The app.
    pub widget_app_id: WidgetAppId,
    /// Its public name.
    pub app_id: AppId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Its project.
    pub project_id: ProjectId,
    /// The pages that may use the token.
    pub allowed_origins: Vec<String>,
    /// Whether `Origin: null` may.
    pub allow_null_origin: bool,
    /// Whether a request must come from a page.
    pub require_origin: bool,
    /// From when on the token does not work.
    pub expires_at: Timestamp,
    /// When it was cut off.
    pub revoked_at: Option<Timestamp>,
    /// The key that it was signed with.
    pub kid: String,
    /// Where that key stands.
    pub key_state: SigningKeyState,
    /// Whether the app is in use.
    pub app_status: TenantStatus,
    /// Whether the organization is.
    pub organization_status: TenantStatus,
    /// Whether the project is.
    pub project_status: TenantStatus,
}

/// The columns of an app, in the order of [`read_app`].
macro_rules! app_columns {
    () => {
        "id, organization_id, project_id, app_id, name, allowed_origins, allow_null_origin, \
         require_origin, status, theme, created_by, created_at"
    };
}

pub(super) use app_columns;

pub(super) fn read_app(row: &mut Row) -> Result<WidgetApp, Error> {
    let theme = |json: Option<Json<JsonValue>>| json.map(|Json(value)| value);
    Ok(WidgetApp {
        id: row.next("widget_apps.id")?,
        organization_id: row.next("widget_apps.organization_id")?,
        project_id: row.next("widget_apps.project_id")?,
        app_id: row.next("widget_apps.app_id")?,
        name: row.next("widget_apps.name")?,
        allowed_origins: row
            .next::<Json<Vec<String>>>("widget_apps.allowed_origins")?
            .0,
        allow_null_origin: row.next("widget_apps.allow_null_origin")?,
        require_origin: row.next("widget_apps.require_origin")?,
        status: row.next("widget_apps.status")?,
        theme: theme(row.next("widget_apps.theme")?),
        created_by: row.next("widget_apps.created_by")?,
        created_at: row.next("widget_apps.created_at")?,
    })
}

pub(super) fn read_secret(mut row: Row) -> Result<WidgetAppSecret, Error> {
    let bytes: Vec<u8> = row.next("widget_app_secrets.hash")?;
    Ok(WidgetAppSecret {
        hash: KeyHash {
            bytes: bytes
                .try_into()
                .map_err(|_| Error::corrupt("widget_app_secrets.hash"))?,
            algorithm: row.next("widget_app_secrets.hash_alg")?,
        },
        created_at: row.next("widget_app_secrets.created_at")?,
        expires_at: row.next("widget_app_secrets.expires_at")?,
    })
}

pub(super) fn read_session(mut row: Row) -> Result<WidgetSession, Error> {
    Ok(WidgetSession {
        id: row.next("widget_sessions.id")?,
        end_user_id: row.next("widget_sessions.end_user_id")?,
        end_user_name: row.next::<Json<String>>("end_users.name")?.0,
        created_at: row.next("widget_sessions.created_at")?,
        expires_at: row.next("widget_sessions.expires_at")?,
        revoked_at: row.next("widget_sessions.revoked_at")?,
    })
}

pub(super) fn read_session_check(mut row: Row) -> Result<WidgetSessionCheck, Error> {
    Ok(WidgetSessionCheck {
        end_user_id: row.next("widget_sessions.end_user_id")?,
        end_user_name: row.next::<Json<String>>("end_users.name")?.0,
        widget_app_id: row.next("widget_apps.id")?,
        app_id: row.next("widget_apps.app_id")?,
        organization_id: row.next("widget_apps.organization_id")?,
        project_id: row.next("widget_apps.project_id")?,
        allowed_origins: row
            .next::<Json<Vec<String>>>("widget_apps.allowed_origins")?
            .0,
        allow_null_origin: row.next("widget_apps.allow_null_origin")?,
        require_origin: row.next("widget_apps.require_origin")?,
        expires_at: row.next("widget_sessions.expires_at")?,
        revoked_at: row.next("widget_sessions.revoked_at")?,
        kid: row.next("widget_sessions.kid")?,
        key_state: row.next("signing_keys.state")?,
        app_status: row.next("widget_apps.status")?,
        organization_status: row.next("organizations.status")?,
        project_status: row.next("projects.status")?,
    })
}
