//! `POST /api/v1/tasks/{id}/messages`.

use axum::extract::{Request, State};
use axum::response::Response;
use tasks::{Env, FollowUp, MessageText, Secrets, SystemPrompt};
use wire::{Failure, FollowUpForm, FollowUpRequest, FollowUpResponse, Success};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::extract::{MayWrite, TaskPath};
use crate::idempotency::idempotency;
use crate::state::AppState;

/// Send a further message to a task whose run has ended.
#[utoipa::path(
    post, path = "/api/v1/tasks/{id}/messages", tag = "tasks",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(
        ("id" = String, Path, description = "The task"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key within 24 hours gets the first answer"),
    ),
    request_body(content(
        (FollowUpRequest = "application/json"),
        (FollowUpForm = "multipart/form-data"),
        (FollowUpRequest = "application/x-www-form-urlencoded"),
    )),
    responses((status = 200, body = Success<FollowUpResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn follow_up_task(
    MayWrite(permit): MayWrite,
    TaskPath(id): TaskPath,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    state.tasks.check(&permit, id).await?;
    let headers = request.headers().clone();
    let mut upload = state.tasks.upload();
    let fields = Fields::read(request, state.config.max_body_bytes, &mut upload).await?;
    let message = FollowUp {
        message: MessageText::new(fields.text("message")?.unwrap_or_default())?,
        system_prompt: fields
            .text("systemPrompt")?
            .map(SystemPrompt::new)
            .transpose()?,
        auto_execute: fields.truth("autoExecute")?,
        env: fields.value("env").map(Env::parse).transpose()?,
        secrets: fields.value("secrets").map(Secrets::parse).transpose()?,
    };
    let path = format!("/api/v1/tasks/{id}/messages");
    let idempotency = idempotency(&headers, &permit, &path, &fields, upload.received())?;
    state
        .tasks
        .follow_up(&permit, id, message, upload, idempotency)
        .await?;
    Ok(success(FollowUpResponse {
        status: "running".to_owned(),
    }))
}
