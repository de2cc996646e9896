//! `POST /api/v1/tasks/{id}/tools/{callId}/approve`.

use axum::extract::{Request, State};
use axum::response::Response;
use tasks::{Approval, parse_outcome};
use wire::{ApproveRequest, ApproveResponse, Failure, Success};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::extract::{CallPath, MayApprove};
use crate::idempotency::idempotency;
use crate::state::AppState;

/// Decide about a tool call that waits.
#[utoipa::path(
    post, path = "/api/v1/tasks/{id}/tools/{callId}/approve", tag = "tasks",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(
        ("id" = String, Path, description = "The task"),
        ("callId" = String, Path, description = "The tool call"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key within 24 hours gets the first answer"),
    ),
    request_body = ApproveRequest,
    responses((status = 200, body = Success<ApproveResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn approve_tool_call(
    MayApprove(permit): MayApprove,
    CallPath(id, call_id): CallPath,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    state.tasks.check_call(&permit, id, &call_id).await?;
    let headers = request.headers().clone();
    let fields = Fields::read_json(request, state.config.max_body_bytes).await?;
    let args = fields.value("args").cloned();
    if args.as_ref().is_some_and(|args| !args.is_object()) {
        return Err(ApiError::invalid("`args` must be an object"));
    }
    let approval = Approval {
        outcome: parse_outcome(&fields.text("outcome")?.unwrap_or_default())?,
        reason: fields.text("reason")?,
        args,
    };
    let path = format!("/api/v1/tasks/{id}/tools/{call_id}/approve");
    let idempotency = idempotency(&headers, &permit, &path, &fields, &[])?;
    let approved = state
        .tasks
        .approve(&permit, id, &call_id, approval, idempotency)
        .await?;
    Ok(success(ApproveResponse { approved }))
}
