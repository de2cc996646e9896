//! `GET /api/v1/tasks/{id}/stream`.

use std::num::IntErrorKind;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use model::Seq;
use wire::{Envelope, Failure};

use crate::api_error::ApiError;
use crate::extract::{MayRead, Presented, TaskPath};
use crate::query::Parameters;
use crate::state::AppState;
use crate::stream::{StreamBody, open};

/// Follow a task: its history, then what happens, as server-sent events.
#[utoipa::path(
    get, path = "/api/v1/tasks/{id}/stream", tag = "tasks",
    security(("bearer" = []), ("apiKey" = []), ("cookie" = [])),
    params(
        ("id" = String, Path, description = "The task"),
        ("Last-Event-ID" = Option<i64>, Header, description = "Go on after this event id"),
        ("lastEventId" = Option<i64>, Query, description = "The same, for clients that cannot set headers"),
        ("envelope" = Option<String>, Query, description = "`typed`: every event carries its type and a copy of its data"),
    ),
    responses(
        (status = 200, description = "Events", content_type = "text/event-stream", body = String),
        (status = 204, description = "Nothing follows the given event id"),
        (status = "4XX", body = Failure),
    ),
)]
pub(crate) async fn stream_task(
    MayRead(permit): MayRead,
    presented: Presented,
    TaskPath(id): TaskPath,
    State(state): State<AppState>,
    parameters: Parameters,
    request: Request,
) -> Result<Response, ApiError> {
    let (snapshot, watch) = state.tasks.watch(&permit, id).await?;
    if request.version() == Version::HTTP_10 {
        return Err(ApiError::invalid("The stream needs HTTP/1.1"));
    }
    let cursor = cursor(request.headers(), &parameters)?;
    let envelope = envelope(&parameters)?;
    match open(snapshot, watch, cursor) {
        None => Ok(StatusCode::NO_CONTENT.into_response()),
        Some(reader) => {
            let by = permit.principal().clone();
            let body = StreamBody::new(reader, envelope, &state, presented, by);
            Ok((HEADERS, Body::from_stream(body.into_stream())).into_response())
        }
    }
}

const HEADERS: [(header::HeaderName, HeaderValue); 3] = [
    (
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    ),
    (
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    ),
    (
        header::HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    ),
];

fn cursor(headers: &HeaderMap, parameters: &Parameters) -> Result<Option<Seq>, ApiError> {
    let wrong = || ApiError::invalid("`Last-Event-ID` must be an integer");
    let text = match headers.get("last-event-id") {
        Some(value) => Some(value.to_str().map_err(|_| wrong())?),
        None => parameters.get("lastEventId"),
    };
    // A browser sends an empty one before it has seen any.
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let Some(text) = text else { return Ok(None) };
    match text.parse() {
        Ok(seq) => Ok(Some(Seq(seq))),
        // An integer beyond every row: as absent.
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Ok(None),
        Err(_) => Err(wrong()),
    }
}

fn envelope(parameters: &Parameters) -> Result<Envelope, ApiError> {
    match parameters.get("envelope") {
        None => Ok(Envelope::Plain),
        Some("typed") => Ok(Envelope::Typed),
        Some(_) => Err(ApiError::invalid("`envelope` can only be `typed`")),
    }
}
