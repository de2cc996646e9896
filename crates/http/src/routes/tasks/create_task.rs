//! `POST /api/v1/tasks`.

use axum::extract::{Request, State};
use axum::response::Response;
use tasks::{Env, MessageText, Metadata, NewTask, Secrets, SystemPrompt, positive};
use wire::{CreateTaskForm, CreateTaskRequest, CreateTaskResponse, Failure, Success};

use crate::api_error::{ApiError, success};
use crate::body::Fields;
use crate::extract::MayWrite;
use crate::idempotency::idempotency;
use crate::state::AppState;

/// Model turns that a task may ask for at most.
const MOST_TURNS: i64 = 10_000;
/// Running time that a task may ask for at most: a week, milliseconds.
const MOST_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Create a task.
///
/// Answers at once, before the task runs. JSON carries every field but `files`; multipart
/// forms carry all but `env` and `secrets`, urlencoded ones neither.
#[utoipa::path(
    post, path = "/api/v1/tasks", tag = "tasks",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key within 24 hours gets the first answer")),
    request_body(content(
        (CreateTaskRequest = "application/json"),
        (CreateTaskForm = "multipart/form-data"),
        (CreateTaskRequest = "application/x-www-form-urlencoded"),
    )),
    responses((status = 200, body = Success<CreateTaskResponse>), (status = "4XX", body = Failure)),
)]
pub(crate) async fn create_task(
    MayWrite(permit): MayWrite,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let headers = request.headers().clone();
    let mut upload = state.tasks.upload();
    let fields = Fields::read(request, state.config.max_body_bytes, &mut upload).await?;
    let new = new_task(&fields)?;
    let path = "/api/v1/tasks";
    let idempotency = idempotency(&headers, &permit, path, &fields, upload.received())?;
    let created = state.tasks.create(&permit, new, upload, idempotency);
    let id = created.await?;
    Ok(success(CreateTaskResponse {
        id: id.to_string(),
        status: "pending".to_owned(),
    }))
}

fn new_task(fields: &Fields) -> Result<NewTask, ApiError> {
    if fields.has("webhookUrl") {
        return Err(ApiError::invalid(
            "`webhookUrl` is not supported by this server yet",
        ));
    }
    Ok(NewTask {
        message: MessageText::new(fields.text("message")?.unwrap_or_default())?,
        system_prompt: fields
            .text("systemPrompt")?
            .map(SystemPrompt::new)
            .transpose()?,
        show_in_history: fields.truth("showInHistory")?.unwrap_or(true),
        auto_execute: fields.truth("autoExecute")?.unwrap_or(true),
        env: fields.value("env").map(Env::parse).transpose()?,
        secrets: fields
            .value("secrets")
            .map(Secrets::parse)
            .transpose()?
            .unwrap_or_default(),
        model: fields.text("model")?,
        max_turns: fields
            .number("maxTurns")?
            .map(|turns| positive("maxTurns", turns, MOST_TURNS))
            .transpose()?,
        timeout_ms: fields
            .number("timeoutMs")?
            .map(|ms| positive("timeoutMs", ms, MOST_MS))
            .transpose()?,
        metadata: fields
            .value("metadata")
            .cloned()
            .map(Metadata::parse)
            .transpose()?,
    })
}
