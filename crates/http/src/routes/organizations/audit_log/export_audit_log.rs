//! `GET /api/v1/organizations/{orgId}/audit-log/export`.

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::try_unfold;
use model::OrganizationId;
use tenancy::{AuditLog, AuditRow};
use wire::{AuditFacts, Failure};

use crate::api_error::ApiError;
use crate::manage::{MayReadAudit, OrganizationPath};
use crate::query::Parameters;
use crate::state::AppState;

/// Export the audit log as JSON lines, oldest first. Each line holds the SHA-256 of the one before.
#[utoipa::path(
    get, path = "/api/v1/organizations/{orgId}/audit-log/export", tag = "settings",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("orgId" = String, Path, description = "The organization"), ("after" = Option<i64>, Query, description = "Only entries after the one with this number")),
    responses((status = 200, description = "One entry a line", content_type = "application/x-ndjson", body = AuditFacts), (status = "4XX", body = Failure)),
)]
pub(crate) async fn export_audit_log(
    MayReadAudit(permit): MayReadAudit,
    path: OrganizationPath,
    State(state): State<AppState>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let organization_id = path.of(&permit)?;
    let after = parameters.number("after", 0, 0)?;
    // Before the head of the answer: a database that fails is told as such.
    let first = state.audit.after(organization_id, after).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"audit-log.jsonl\"",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let lines = try_unfold((state.audit.clone(), organization_id, first), next_lines);
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// What is left to send: the entries at hand, and where more come from.
type Left = (AuditLog, OrganizationId, Vec<AuditRow>);

async fn next_lines(left: Left) -> Result<Option<(Bytes, Left)>, tenancy::Error> {
    let (audit, organization_id, rows) = left;
    let Some(last) = rows.last().map(|row| row.seq) else {
        return Ok(None);
    };
    let mut text = String::new();
    for row in rows {
        text.push_str(&row.entry);
        text.push('\n');
    }
    let next = audit.after(organization_id, last).await?;
    Ok(Some((text.into(), (audit, organization_id, next))))
}
