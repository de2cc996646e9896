//! What the audit log says of a record: what it is and may do, never a secret or its hash.

use serde_json::{Value, json};

use super::{ApiKey, Organization, Project, WidgetApp};

pub(super) fn of_organization(organization: &Organization) -> Value {
    json!({
        "name": organization.name,
        "ownerName": organization.owner_name,
        "isDefault": organization.is_default,
        "status": organization.status.as_str(),
    })
}

pub(super) fn of_project(project: &Project) -> Value {
    json!({
        "name": project.name,
        "isDefault": project.is_default,
        "status": project.status.as_str(),
    })
}

pub(super) fn of_key(key: &ApiKey) -> Value {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    json!({
        "projectId": key.project_id.map(|id| id.to_string()),
        "name": key.name,
        "prefix": key.prefix,
        "class": key.class.as_str(),
        "scopes": scopes,
        "cidrs": key.cidrs,
        "limits": key.limits,
        "status": key.status.as_str(),
        "createdBy": key.created_by,
        "expiresAt": key.expires_at.map(|at| at.to_string()),
        "rotatedFrom": key.rotated_from.map(|id| id.to_string()),
        "overlapUntil": key.overlap_until.map(|at| at.to_string()),
        "revokeReason": key.revoke_reason,
    })
}

pub(super) fn of_app(app: &WidgetApp) -> Value {
    json!({
        "projectId": app.project_id.to_string(),
        "appId": app.app_id.as_str(),
        "name": app.name,
        "allowedOrigins": app.allowed_origins,
        "allowNullOrigin": app.allow_null_origin,
        "requireOrigin": app.require_origin,
        "status": app.status.as_str(),
        "theme": app.theme,
    })
}
