//! What the management routes share: a permit for each setting as an argument, objects of the
//! path, and what a revocation answers.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use model::{
    ApiKeyId, OrganizationId, Principal, ProjectId, Rate, Setting, SettingPermit, Timestamp,
    WidgetAppId, WidgetSessionId, authorize_setting,
};
use tasks::TaskOwner;
use tenancy::{AdminError, ApiKey, CutOff, KeyStatus, Project, Reach, WidgetAppScope};
use wire::{ErrorCode, RevocationResponse};

use crate::api_error::ApiError;
use crate::body::Fields;
use crate::extract::{authenticated, peer};
use crate::query::Parameters;
use crate::state::AppState;

/// Seconds that an old secret goes on to work where none are asked for: a day.
const DEFAULT_GRACE_SECONDS: i64 = 24 * 60 * 60;
/// Seconds that it goes on to work at most: 30 days.
const MAX_GRACE_SECONDS: i64 = 30 * 24 * 60 * 60;

/// Extractors that are the proof that the caller may see or change a setting.
macro_rules! permits {
    ($($(#[$doc:meta])* $name:ident => $setting:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name(pub(crate) SettingPermit);

        impl FromRequestParts<AppState> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(
                parts: &mut Parts,
                state: &AppState,
            ) -> Result<Self, ApiError> {
                let principal = authenticated(parts, state).await?;
                let permit = authorize_setting(&principal, Setting::$setting)?;
                Ok(Self(permit.from_address(peer(parts))))
            }
        }
    )*};
}

permits!(
    /// Proof that the caller may see projects.
    MaySeeProjects => SeeProjects,
    /// Proof that the caller may create projects.
    MayCreateProjects => CreateProjects,
    /// Proof that the caller may change projects.
    MayChangeProjects => ChangeProjects,
    /// Proof that the caller may delete projects.
    MayDeleteProjects => DeleteProjects,
    /// Proof that the caller may see API keys.
    MaySeeKeys => SeeKeys,
    /// Proof that the caller may change API keys.
    MayChangeKeys => ChangeKeys,
    /// Proof that the caller may see widget apps.
    MaySeeApps => SeeApps,
    /// Proof that the caller may change widget apps.
    MayChangeApps => ChangeApps,
    /// Proof that the caller may read the audit log.
    MayReadAudit => ReadAudit,
    /// Proof that the caller may see the organization and its members.
    MaySeeMembers => SeeMembers,
    /// Proof that the caller may rename the organization.
    MayChangeOrganization => ChangeOrganization,
    /// Proof that the caller may invite and remove members and viewers.
    MayChangeMembers => ChangeMembers,
    /// Proof that the caller may see usage.
    MaySeeUsage => SeeUsage,
    /// Proof that the caller may change monthly caps.
    MayChangeLimits => ChangeLimits,
    /// Proof that the caller may change prices.
    MayChangePrices => ChangePrices,
);

/// What the path names, in its order; what is no id names nothing.
pub(crate) async fn path_of<T>(parts: &mut Parts, state: &AppState) -> Result<T, ApiError>
where
    T: serde::de::DeserializeOwned + Send,
{
    let path = Path::<T>::from_request_parts(parts, state).await;
    path.map(|Path(names)| names)
        .map_err(|_| ApiError::not_found("Path"))
}

/// The organization of the path. Whether it is the caller's is asked with
/// [`of`](OrganizationPath::of).
#[derive(Debug, Clone, Copy)]
pub(crate) struct OrganizationPath(OrganizationId);

impl OrganizationPath {
    /// The organization, if it is the caller's.
    pub(crate) fn of(self, permit: &SettingPermit) -> Result<OrganizationId, ApiError> {
        if permit.organization_id() == self.0 {
            Ok(self.0)
        } else {
            Err(ApiError::not_found("Organization"))
        }
    }
}

impl FromRequestParts<AppState> for OrganizationPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let organization: String = path_of(parts, state).await?;
        let id = organization.parse().ok();
        id.map(Self)
            .ok_or_else(|| ApiError::not_found("Organization"))
    }
}

/// The project of the path. Whether it is the caller's is looked up with [`project`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProjectPath(pub(crate) ProjectId);

/// The project and the key of the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyPath(pub(crate) ProjectId, pub(crate) ApiKeyId);

/// The project and the widget app of the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AppPath(pub(crate) ProjectId, pub(crate) WidgetAppId);

impl AppPath {
    /// The app, as far as the permit reaches.
    pub(crate) fn scope(self, permit: &SettingPermit) -> Result<WidgetAppScope, ApiError> {
        if !permit.holds(self.0) {
            return Err(ApiError::not_found("Widget app"));
        }
        Ok(WidgetAppScope {
            organization_id: permit.organization_id(),
            project_id: self.0,
            id: self.1,
        })
    }
}

impl FromRequestParts<AppState> for ProjectPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let project: String = path_of(parts, state).await?;
        let id = project.parse().ok();
        id.map(Self).ok_or_else(|| ApiError::not_found("Project"))
    }
}

impl FromRequestParts<AppState> for KeyPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let (project, key): (String, String) = path_of(parts, state).await?;
        let ids = project.parse().ok().zip(key.parse().ok());
        ids.map(|(project, key)| Self(project, key))
            .ok_or_else(|| ApiError::not_found("API key"))
    }
}

impl FromRequestParts<AppState> for AppPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        // A route below an app has a third name.
        let names: Vec<(String, String)> = path_of(parts, state).await?;
        let id = |at: usize| names.get(at).map(|(_, value)| value.as_str());
        let ids = id(0)
            .and_then(|text| text.parse().ok())
            .zip(id(1).and_then(|text| text.parse().ok()));
        ids.map(|(project, app)| Self(project, app))
            .ok_or_else(|| ApiError::not_found("Widget app"))
    }
}

/// The project, if it is the caller's.
pub(crate) async fn project(
    state: &AppState,
    permit: &SettingPermit,
    id: ProjectId,
) -> Result<Project, ApiError> {
    if !permit.holds(id) {
        return Err(ApiError::not_found("Project"));
    }
    let found = state.keys.get_project(permit.organization_id(), id).await;
    found.map_err(|error| refused("Project", error))
}

/// From a refused change to the answer; `what` names what was not found.
pub(crate) fn refused(what: &str, error: AdminError) -> ApiError {
    match error {
        AdminError::InvalidName(_) => ApiError::invalid(format!("`name`: {error}")),
        AdminError::InvalidCidr(_) | AdminError::TooManyCidrs(_) => {
            ApiError::invalid(format!("`cidrs`: {error}"))
        }
        AdminError::InvalidScope => ApiError::invalid(format!("`scopes`: {error}")),
        AdminError::InvalidProject => ApiError::invalid(format!("`class`: {error}")),
        AdminError::NotFound => ApiError::not_found(what),
        AdminError::NameTaken => {
            ApiError::new(ErrorCode::Conflict, "A project of that name exists")
        }
        AdminError::DefaultProject => ApiError::new(ErrorCode::Conflict, error.to_string()),
        AdminError::Replaced => ApiError::new(
            ErrorCode::Conflict,
            "The key was replaced by another one already",
        ),
        AdminError::Store(error) => ApiError::internal("change settings", &error),
    }
}

impl From<tenancy::Error> for ApiError {
    fn from(error: tenancy::Error) -> Self {
        match error {
            tenancy::Error::NotFound(what) => Self::not_found(what),
            tenancy::Error::Store(error) => Self::internal("change settings", &error),
            tenancy::Error::Name(_)
            | tenancy::Error::Origin { .. }
            | tenancy::Error::TooManyOrigins(_)
            | tenancy::Error::Theme(_)
            | tenancy::Error::Prices(_)
            | tenancy::Error::EndUser(_) => Self::invalid(error.to_string()),
        }
    }
}

/// Whose credentials a revocation cuts off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) organization_id: OrganizationId,
    /// Whose tasks it leaves running.
    pub(crate) owner: TaskOwner,
}

impl Cut {
    /// Open streams of the credentials that are cut off, in this process.
    pub(crate) fn streams(&self, state: &AppState) -> usize {
        state.streams.count(|by| self.covers(by))
    }

    fn covers(&self, by: &Principal) -> bool {
        match (by, self.owner) {
            (Principal::ApiKey(key), TaskOwner::Key(id)) => key.key_id == id,
            (Principal::EndUser(user), TaskOwner::EndUser(id)) => user.end_user_id == id,
            (Principal::EndUser(user), TaskOwner::WidgetApp(id)) => user.app_id == id,
            (Principal::ApiKey(key), TaskOwner::Project(id)) => key.project_id == Some(id),
            (Principal::EndUser(user), TaskOwner::Project(id)) => user.project_id == id,
            (Principal::ApiKey(_), TaskOwner::EndUser(_) | TaskOwner::WidgetApp(_))
            | (Principal::EndUser(_), TaskOwner::Key(_))
            | (Principal::Console(_), _) => false,
        }
    }

    /// What a revocation answers; ends the tasks that it leaves running if the request says so.
    pub(crate) async fn receipt(
        &self,
        state: &AppState,
        counts: Counts,
        remaining: Remaining,
    ) -> Result<RevocationResponse, ApiError> {
        let revoked_at: Timestamp = state.clock.now();
        let running = state
            .tasks
            .open_of(self.organization_id, self.owner)
            .await?;
        let running_tasks = running.len();
        match remaining {
            Remaining::GoOn => {}
            Remaining::Stop => state.tasks.stop_all(running).await?,
        }
        Ok(RevocationResponse {
            revoked_at: revoked_at.to_string(),
            keys: counts.keys,
            sessions: counts.sessions,
            streams: counts.streams,
            running_tasks,
        })
    }
}

/// What was cut off.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) keys: usize,
    pub(crate) sessions: usize,
    pub(crate) streams: usize,
}

/// What becomes of the tasks that a revocation leaves running, by the query's `stopTasks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remaining {
    GoOn,
    Stop,
}

impl FromRequestParts<AppState> for Remaining {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let parameters = Parameters::from_request_parts(parts, state).await?;
        match parameters.get("stopTasks") {
            None | Some("false") => Ok(Self::GoOn),
            Some("true") => Ok(Self::Stop),
            Some(_) => Err(ApiError::invalid("`stopTasks` must be `true` or `false`")),
        }
    }
}

/// The key of the path, if it is the caller's: of its project, or of class `management`.
pub(crate) async fn reachable_key(
    state: &AppState,
    permit: &SettingPermit,
    KeyPath(project_id, id): KeyPath,
) -> Result<ApiKey, ApiError> {
    project(state, permit, project_id).await?;
    let found = state.keys.get_key(permit.organization_id(), id).await;
    let key = found.map_err(|error| refused("API key", error))?;
    let reachable = match key.project_id {
        Some(of) => of == project_id,
        None => permit.may(Setting::SeeManagementKeys),
    };
    if reachable && key.status != KeyStatus::Revoked {
        Ok(key)
    } else {
        Err(ApiError::not_found("API key"))
    }
}

/// What the caller may hand on to keys of class `management`: a key no more than it has, a person
/// who may change such keys everything.
pub(crate) async fn own_reach(state: &AppState, permit: &SettingPermit) -> Result<Reach, ApiError> {
    if !permit.may(Setting::ChangeManagementKeys) {
        return Err(ErrorCode::Forbidden.into());
    }
    let Some(id) = permit.key_id() else {
        return Ok(Reach::of_class());
    };
    let key = state.keys.get_key(permit.organization_id(), id);
    let key = key.await.map_err(|error| refused("API key", error))?;
    Ok(Reach::from(&key))
}

/// Refuses to bring a key of class `management` to life that reaches further than the caller.
pub(crate) async fn within_own_reach(
    state: &AppState,
    permit: &SettingPermit,
    wanted: &Reach,
) -> Result<(), ApiError> {
    if own_reach(state, permit).await?.covers(wanted) {
        Ok(())
    } else {
        Err(ErrorCode::Forbidden.into())
    }
}

/// The token of the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionPath(pub(crate) WidgetSessionId);

impl FromRequestParts<AppState> for SessionPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let (_, _, session): (String, String, String) = path_of(parts, state).await?;
        let id = session.parse().ok();
        id.map(Self).ok_or_else(|| ApiError::not_found("Session"))
    }
}

/// A key's own limit of requests, `{perMinute}`; absent: nothing is said, `null`: it has none.
pub(crate) fn rate_limit(fields: &Fields) -> Result<Option<Option<Rate>>, ApiError> {
    if fields.is_null("rateLimit") {
        return Ok(Some(None));
    }
    let Some(value) = fields.value("rateLimit") else {
        return Ok(None);
    };
    let per_minute = value.get("perMinute").and_then(serde_json::Value::as_i64);
    let rate = per_minute.and_then(|number| Rate::per_minute(number).ok());
    let rate = rate.ok_or_else(|| {
        let most = Rate::MAX;
        ApiError::invalid(format!(
            "`rateLimit` must be `{{\"perMinute\": n}}`, n a whole number from 1 to {most}"
        ))
    });
    Ok(Some(Some(rate?)))
}

/// How long an old secret goes on to work, milliseconds.
pub(crate) fn grace_ms(fields: &Fields) -> Result<i64, ApiError> {
    let seconds = fields
        .number("graceSeconds")?
        .unwrap_or(DEFAULT_GRACE_SECONDS);
    if (0..=MAX_GRACE_SECONDS).contains(&seconds) {
        Ok(seconds * 1_000)
    } else {
        Err(ApiError::invalid(format!(
            "`graceSeconds` must be a whole number from 0 to {MAX_GRACE_SECONDS}"
        )))
    }
}

/// What cutting an end user off answers.
pub(crate) async fn cut_off_end_user(
    state: &AppState,
    permit: &SettingPermit,
    cut_off: CutOff,
    remaining: Remaining,
) -> Result<RevocationResponse, ApiError> {
    let cut = Cut {
        organization_id: permit.organization_id(),
        owner: TaskOwner::EndUser(cut_off.end_user_id),
    };
    // Streams end within a second: those that are still open were cut off.
    let counts = Counts {
        sessions: cut_off.sessions,
        streams: cut.streams(state),
        ..Counts::default()
    };
    cut.receipt(state, counts, remaining).await
}
