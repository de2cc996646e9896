//! What the routes about members and invitations share.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use model::{InviteId, OrganizationId, ProjectAccess, Role, SettingPermit, UserId};
use tenancy::{Invite, MadeInvite, Member, PeopleError};
use wire::{ErrorCode, InviteResponse, MadeInviteResponse, MemberResponse};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::manage::path_of;
use crate::shown::project_ids;
use crate::state::AppState;

/// The organization and the member of the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MemberPath(OrganizationId, UserId);

impl MemberPath {
    /// The member, if the organization is the caller's.
    pub(crate) fn of(self, permit: &SettingPermit) -> Result<UserId, ApiError> {
        let own = permit.organization_id() == self.0;
        own.then_some(self.1)
            .ok_or_else(|| ApiError::not_found("Member"))
    }
}

impl FromRequestParts<AppState> for MemberPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let (organization, user): (String, String) = path_of(parts, state).await?;
        let ids = organization.parse().ok().zip(user.parse().ok());
        ids.map(|(organization, user)| Self(organization, user))
            .ok_or_else(|| ApiError::not_found("Member"))
    }
}

/// The organization and the invitation of the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InvitePath(OrganizationId, InviteId);

impl InvitePath {
    /// The invitation, if the organization is the caller's.
    pub(crate) fn of(self, permit: &SettingPermit) -> Result<InviteId, ApiError> {
        let own = permit.organization_id() == self.0;
        own.then_some(self.1)
            .ok_or_else(|| ApiError::not_found("Invite"))
    }
}

impl FromRequestParts<AppState> for InvitePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let (organization, invite): (String, String) = path_of(parts, state).await?;
        let ids = organization.parse().ok().zip(invite.parse().ok());
        ids.map(|(organization, invite)| Self(organization, invite))
            .ok_or_else(|| ApiError::not_found("Invite"))
    }
}

/// The role of a field.
pub(crate) fn role(fields: &Fields) -> Result<Option<Role>, ApiError> {
    let name = fields.text("role")?;
    name.map(|name| {
        Role::parse(&name).ok_or_else(|| {
            ApiError::invalid("`role` must be `owner`, `admin`, `member` or `viewer`")
        })
    })
    .transpose()
}

/// The projects of `projectIds`; `null` means all of them.
pub(crate) fn projects(fields: &Fields) -> Result<Option<ProjectAccess>, ApiError> {
    if fields.is_null("projectIds") {
        return Ok(Some(ProjectAccess::All));
    }
    let Some(names) = fields.texts("projectIds")? else {
        return Ok(None);
    };
    let wrong = |_| ApiError::invalid("`projectIds` must be a list of ids of projects");
    let ids = names.iter().map(|name| name.parse().map_err(wrong));
    Ok(Some(ProjectAccess::Only(ids.collect::<Result<_, _>>()?)))
}

pub(crate) fn member_response(member: &Member) -> MemberResponse {
    MemberResponse {
        user_id: member.user_id.to_string(),
        email: member.email.clone(),
        name: member.name.clone(),
        role: member.role.as_str().to_owned(),
        project_ids: project_ids(&member.projects),
        joined_at: member.joined_at.to_string(),
    }
}

pub(crate) fn invite_response(invite: &Invite) -> InviteResponse {
    InviteResponse {
        id: invite.id.to_string(),
        email: invite.email.to_string(),
        role: invite.role.as_str().to_owned(),
        project_ids: project_ids(&invite.projects),
        invited_by: invite.invited_by.clone(),
        created_at: invite.created_at.to_string(),
        expires_at: invite.expires_at.to_string(),
    }
}

/// An invitation with its link, shown this once. The token stands where no server and no log sees
/// it.
pub(crate) fn made_invite(state: &AppState, made: &MadeInvite) -> Response {
    let own = &state.config.own_origins;
    let base = own.first().map(ToString::to_string).unwrap_or_default();
    let body = MadeInviteResponse {
        invite: invite_response(&made.invite),
        link: format!("{base}/invite#token={}", made.token.expose_token()),
    };
    ([(header::CACHE_CONTROL, "no-store")], success(body)).into_response()
}

impl From<PeopleError> for ApiError {
    fn from(error: PeopleError) -> Self {
        match error {
            PeopleError::Name(_)
            | PeopleError::OrganizationName(_)
            | PeopleError::Email(_)
            | PeopleError::Weak(_)
            | PeopleError::Project(_)
            | PeopleError::EveryProject => Self::invalid(error.to_string()),
            PeopleError::Forbidden => ErrorCode::Forbidden.into(),
            PeopleError::InvalidCredentials => auth::SignInError::InvalidCredentials.into(),
            PeopleError::NotFound(what) => Self::not_found(what),
            PeopleError::Conflict => Self::new(
                ErrorCode::Conflict,
                "An organization keeps an owner, and its members are changed one at a time",
            ),
            PeopleError::IsMember => Self::new(ErrorCode::Conflict, "They are a member already"),
            PeopleError::Hash(_) | PeopleError::Store(_) => Self::internal("change people", &error),
        }
    }
}
