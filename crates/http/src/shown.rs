//! What is shown of the records of the management API.

use auth::{ConsoleSession, OwnOrganization, User};
use model::{ConsoleSessionId, OrganizationId, ProjectAccess, Rate};
use tenancy::{ApiKey, KeyCaller, KeyStatus, Project, TenantStatus, WidgetApp, WidgetSession};
use wire::{
    ApiKeyResponse, CallerResponse, ConsoleSessionResponse, OwnOrganizationResponse,
    ProjectResponse, RateLimitResponse, SignedInResponse, UserResponse, WidgetAppResponse,
    WidgetSessionResponse,
};

pub(crate) fn project_response(project: &Project) -> ProjectResponse {
    ProjectResponse {
        id: project.id.to_string(),
        organization_id: project.organization_id.to_string(),
        name: project.name.clone(),
        is_default: project.is_default,
        created_at: project.created_at.to_string(),
    }
}

pub(crate) fn key_response(key: &ApiKey) -> ApiKeyResponse {
    let scopes = key.scopes.iter().map(|scope| scope.as_str().to_owned());
    ApiKeyResponse {
        id: key.id.to_string(),
        organization_id: key.organization_id.to_string(),
        project_id: key.project_id.map(|id| id.to_string()),
        name: key.name.clone(),
        prefix: key.prefix.clone(),
        class: key.class.as_str().to_owned(),
        scopes: scopes.collect(),
        cidrs: key.cidrs.clone(),
        rate_limit: key.limits.map(rate_response),
        enabled: key.status == KeyStatus::Active,
        created_by: key.created_by.clone(),
        created_at: key.created_at.to_string(),
        expires_at: key.expires_at.map(|at| at.to_string()),
        last_used_at: key.last_used_at.map(|at| at.to_string()),
        rotated_from: key.rotated_from.map(|id| id.to_string()),
        overlap_until: key.overlap_until.map(|at| at.to_string()),
    }
}

fn rate_response(rate: Rate) -> RateLimitResponse {
    RateLimitResponse {
        per_minute: rate.get(),
    }
}

pub(crate) fn caller_response(caller: &KeyCaller) -> CallerResponse {
    CallerResponse {
        ip: caller.ip.clone(),
        last_used_at: caller.last_used_at.to_string(),
    }
}

pub(crate) fn app_response(app: &WidgetApp) -> WidgetAppResponse {
    WidgetAppResponse {
        id: app.id.to_string(),
        app_id: app.app_id.to_string(),
        project_id: app.project_id.to_string(),
        name: app.name.clone(),
        allowed_origins: app.allowed_origins.clone(),
        allow_null_origin: app.allow_null_origin,
        require_origin: app.require_origin,
        enabled: app.status == TenantStatus::Active,
        theme: app.theme.clone(),
        created_by: app.created_by.clone(),
        created_at: app.created_at.to_string(),
    }
}

pub(crate) fn session_response(session: &WidgetSession) -> WidgetSessionResponse {
    WidgetSessionResponse {
        id: session.id.to_string(),
        end_user_id: session.end_user_name.clone(),
        created_at: session.created_at.to_string(),
        expires_at: session.expires_at.to_string(),
    }
}

pub(crate) fn user_response(user: &User) -> UserResponse {
    UserResponse {
        id: user.id.to_string(),
        email: user.email.to_string(),
        name: user.name.clone(),
        created_at: user.created_at.to_string(),
    }
}

/// `null`: all of them.
pub(crate) fn project_ids(access: &ProjectAccess) -> Option<Vec<String>> {
    match access {
        ProjectAccess::All => None,
        ProjectAccess::Only(ids) => Some(ids.iter().map(ToString::to_string).collect()),
    }
}

pub(crate) fn own_organization_response(organization: &OwnOrganization) -> OwnOrganizationResponse {
    OwnOrganizationResponse {
        id: organization.id.to_string(),
        name: organization.name.clone(),
        role: organization.role.as_str().to_owned(),
        project_ids: project_ids(&organization.projects),
    }
}

pub(crate) fn signed_in_response(
    user: &User,
    speaks_for: Option<OrganizationId>,
    organizations: &[OwnOrganization],
) -> SignedInResponse {
    SignedInResponse {
        user: user_response(user),
        organization_id: speaks_for.map(|id| id.to_string()),
        organizations: organizations
            .iter()
            .map(own_organization_response)
            .collect(),
    }
}

pub(crate) fn console_session_response(
    session: &ConsoleSession,
    current: ConsoleSessionId,
) -> ConsoleSessionResponse {
    ConsoleSessionResponse {
        id: session.id.to_string(),
        current: session.id == current,
        created_at: session.created_at.to_string(),
        last_seen_at: session.last_seen_at.to_string(),
        expires_at: session.expires_at.to_string(),
        ip: session.ip.clone(),
        agent: session.agent.clone(),
    }
}

/// Shows recovery codes, this once.
pub(crate) fn shown_codes(codes: &[auth::Secret]) -> axum::response::Response {
    use axum::response::IntoResponse as _;
    let codes = codes.iter().map(|code| code.expose_secret().to_owned());
    let body = wire::RecoveryCodesResponse {
        recovery_codes: codes.collect(),
    };
    (
        [(axum::http::header::CACHE_CONTROL, "no-store")],
        crate::api_error::success(body),
    )
        .into_response()
}
