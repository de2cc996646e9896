//! What a handler asks for in its arguments. A permit is one of them: tenant data is out of reach
//! without it. Arguments are evaluated in order, so the credential comes first, the object second.

use std::fmt;
use std::net::IpAddr;

use auth::{AuthError, Authenticated, Credential, OriginRules, RequestOrigin, read_credential};
use axum::extract::{FromRequestParts, Path, RawPathParams};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};
use model::{
    Action, ApiKeyId, CallId, EndUserId, Grant, Permit, Principal, ProjectsGrant, TaskId, UserId,
    authorize,
};
use tenancy::TenantStatus;
use wire::ErrorCode;

use crate::api_error::ApiError;
use crate::console::{comes_from_here, is_own_doing};
use crate::cors::ReadableSlot;
use crate::limits::StandingSlot;
use crate::manage::refused;
use crate::query::Parameters;
use crate::state::AppState;

/// The header that may carry a credential beside `Authorization`.
const API_KEY_HEADER: &str = "x-api-key";

/// Proof that the caller may read tasks.
#[derive(Debug, Clone)]
pub(crate) struct MayRead(pub(crate) Permit);

/// Proof that the caller may create, continue and cancel tasks.
#[derive(Debug, Clone)]
pub(crate) struct MayWrite(pub(crate) Permit);

/// Proof that the caller may decide about tool calls.
#[derive(Debug, Clone)]
pub(crate) struct MayApprove(pub(crate) Permit);

/// Who asked, for the log line.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AskedBy {
    /// A program with this key.
    Key(ApiKeyId),
    /// This end user.
    EndUser(EndUserId),
    /// This person at the console.
    User(UserId),
}

impl fmt::Display for AskedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "{id:?}"),
            Self::EndUser(id) => write!(f, "{id:?}"),
            Self::User(id) => write!(f, "{id:?}"),
        }
    }
}

impl FromRequestParts<AppState> for MayRead {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        permit(parts, state, Action::ReadTasks).await.map(Self)
    }
}

impl FromRequestParts<AppState> for MayWrite {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        permit(parts, state, Action::WriteTasks).await.map(Self)
    }
}

impl FromRequestParts<AppState> for MayApprove {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        permit(parts, state, Action::ApproveToolCalls)
            .await
            .map(Self)
    }
}

async fn permit(parts: &mut Parts, state: &AppState, action: Action) -> Result<Permit, ApiError> {
    let principal = authenticated(parts, state).await?;
    match authorize(&principal, action)? {
        Grant::Here(permit) => Ok(permit),
        Grant::InProjects(grant) => in_project(parts, state, grant).await,
    }
}

/// The permit of a person for the project that the request is about: that of the task in the path,
/// else the one that the query names.
async fn in_project(
    parts: &mut Parts,
    state: &AppState,
    grant: ProjectsGrant,
) -> Result<Permit, ApiError> {
    let organization_id = grant.organization_id();
    let path = RawPathParams::from_request_parts(parts, state).await;
    let path = path.map_err(|_| ApiError::not_found("Path"))?;
    let task = path.iter().find(|(name, _)| *name == "id");
    let (what, project_id) = if let Some((_, task)) = task {
        let missing = || ApiError::not_found("Task");
        let id = task.parse().map_err(|_| missing())?;
        let found = state.tasks.project_of(organization_id, id).await?;
        ("Task", found.ok_or_else(missing)?)
    } else {
        let parameters = Parameters::from_request_parts(parts, state).await?;
        let named = parameters.get("projectId");
        let named = named.ok_or_else(|| ApiError::invalid("`projectId` is required"))?;
        let id = named.parse().map_err(|_| ApiError::not_found("Project"))?;
        ("Project", id)
    };
    let project = state.keys.get_project(organization_id, project_id).await;
    let project = project.map_err(|error| refused(what, error))?;
    match project.status {
        TenantStatus::Active => {}
        TenantStatus::Disabled | TenantStatus::Deleted => return Err(ApiError::not_found(what)),
    }
    let permit = grant.of(project_id);
    permit.ok_or_else(|| ApiError::not_found(what))
}

/// Who asks: the credential first, then the page that it is used on, then how often it was used. A
/// credential that is refused counts against where it came from, and only there.
pub(crate) async fn authenticated(parts: &Parts, state: &AppState) -> Result<Principal, ApiError> {
    let checked = match checked(parts, state).await {
        Ok(checked) => checked,
        Err(error) if is_bad_credential(&error) => {
            return Err(match state.limits.refused(peer(parts)) {
                Ok(()) => error.into(),
                Err(standing) => ApiError::limited(standing),
            });
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(rules) = &checked.origins
        && !may_use(parts, state, rules)
    {
        return Err(ErrorCode::OriginNotAllowed.into());
    }
    if let Principal::Console(_) = &checked.principal
        && !is_from_own_page(parts, state)
    {
        return Err(ErrorCode::Forbidden.into());
    }
    note(parts, &checked.principal);
    let standing = state.limits.admit(&checked).await?;
    if let Some((standing, slot)) = standing.zip(parts.extensions.get::<StandingSlot>()) {
        slot.set(standing);
    }
    Ok(checked.principal)
}

async fn checked(parts: &Parts, state: &AppState) -> Result<Authenticated, AuthError> {
    let Presented { credential, peer } = presented(parts, state)?;
    let authenticator = &state.authenticator;
    // What a foreign page makes a browser send must not keep a sign-in alive.
    let checked = match credential {
        Credential::Session(_) if !comes_from_here(&parts.headers, &state.config.own_origins) => {
            authenticator.check(&credential, peer).await
        }
        Credential::Session(_) | Credential::ApiKey(_) | Credential::Token(_) => {
            authenticator.authenticate(&credential, peer).await
        }
    };
    // A page learns that its token has expired, so that it can get another one.
    if let Err(AuthError::InvalidToken(Some(rules))) = &checked {
        may_use(parts, state, rules);
    }
    checked
}

fn is_from_own_page(parts: &Parts, state: &AppState) -> bool {
    is_own_doing(&parts.method, &parts.headers, &state.config.own_origins)
}

/// Whether somebody may be guessing.
fn is_bad_credential(error: &AuthError) -> bool {
    match error {
        AuthError::InvalidFormat | AuthError::InvalidApiKey | AuthError::InvalidToken(_) => true,
        AuthError::Required | AuthError::JwtNotConfigured | AuthError::Unavailable(_) => false,
    }
}

/// Notes who asks, for the log line.
fn note(parts: &Parts, principal: &Principal) {
    if let Some(asked_by) = parts.extensions.get::<crate::middleware::AskedBySlot>() {
        asked_by.set(match principal {
            Principal::ApiKey(key) => AskedBy::Key(key.key_id),
            Principal::EndUser(user) => AskedBy::EndUser(user.end_user_id),
            Principal::Console(person) => AskedBy::User(person.user_id),
        });
    }
}

/// Whether the page that asks may use the token; if so, it may read the answer too.
fn may_use(parts: &Parts, state: &AppState, rules: &OriginRules) -> bool {
    let origin = RequestOrigin::read(&values(&parts.headers, header::ORIGIN.as_str()));
    let allowed = rules.allow(&origin, &state.config.own_origins);
    if allowed && let Some(readable) = parts.extensions.get::<ReadableSlot>() {
        readable.allow();
    }
    allowed
}

/// A credential and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Presented {
    pub(crate) credential: Credential,
    pub(crate) peer: Option<IpAddr>,
}

impl FromRequestParts<AppState> for Presented {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        Ok(presented(parts, state)?)
    }
}

fn presented(parts: &Parts, state: &AppState) -> Result<Presented, AuthError> {
    let authorization = values(&parts.headers, header::AUTHORIZATION.as_str());
    let api_key = values(&parts.headers, API_KEY_HEADER);
    let credential = if authorization.is_empty() && api_key.is_empty() {
        state.cookie.read(&parts.headers)?
    } else {
        // A cookie counts for nothing beside a header, whatever that holds.
        read_credential(&authorization, &api_key)?
    };
    let credential = credential.ok_or(AuthError::Required)?;
    Ok(Presented {
        credential,
        peer: peer(parts),
    })
}

/// The address that a request came from.
pub(crate) fn peer(parts: &Parts) -> Option<IpAddr> {
    peer_of(&parts.extensions)
}

/// The same of a request as a whole.
pub(crate) fn peer_of(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<Peer>().map(|peer| peer.0)
}

/// The address at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

pub(crate) fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    headers
        .get_all(name)
        .iter()
        .map(axum::http::HeaderValue::as_bytes)
        .collect()
}

/// The task of the path. What is no id names no task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TaskPath(pub(crate) TaskId);

impl FromRequestParts<AppState> for TaskPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let id = path.ok().and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or_else(|| ApiError::not_found("Task"))
    }
}

/// The task and the tool call of the path.
#[derive(Debug, Clone)]
pub(crate) struct CallPath(pub(crate) TaskId, pub(crate) CallId);

impl FromRequestParts<AppState> for CallPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let ids = path
            .ok()
            .and_then(|Path((task, call))| Some((task.parse().ok()?, call)));
        let (task, call) = ids.ok_or_else(|| ApiError::not_found("Task"))?;
        Ok(Self(task, CallId::new(call)))
    }
}
