//! `GET /api/v1/organizations/{orgId}/audit-log`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use tenancy::AuditRow;
use wire::{AuditEntryResponse, AuditFacts, Failure, Paged};

use crate::api_error::{ApiError, json};
use crate::manage::{MayReadAudit, OrganizationPath};
use crate::query::Parameters;
use crate::state::AppState;

/// List who changed what, latest first.
#[utoipa::path(
    get, path = "/api/v1/organizations/{orgId}/audit-log", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("orgId" = String, Path, description = "The organization"), ("limit" = Option<i64>, Query, description = "Items at most"), ("offset" = Option<i64>, Query, description = "Items before the first")),
    responses((status = 200, body = Paged<AuditEntryResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn list_audit_log(
    MayReadAudit(permit): MayReadAudit,
    path: OrganizationPath,
    State(state): State<AppState>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let organization_id = path.of(&permit)?;
    let (limit, offset) = parameters.limits()?;
    let (rows, total) = state.audit.list(organization_id, limit, offset).await?;
    let entries = rows.iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    Ok(json(&Paged::new(entries, total, limit, offset)).into_response())
}

/// An entry that cannot be read is no entry: somebody wrote there.
fn shown(row: &AuditRow) -> Result<AuditEntryResponse, ApiError> {
    let facts: AuditFacts = serde_json::from_str(&row.entry)
        .map_err(|error| ApiError::internal("read the audit log", &error))?;
    Ok(AuditEntryResponse {
        facts,
        hash: row.hash(),
    })
}
