//! Multipart forms: texts are kept in memory within the limit of any body, files go where
//! [`Upload`] puts them, piece by piece.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::multipart::{Field, Multipart};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tasks::Upload;
use wire::ErrorCode;

use crate::api_error::ApiError;
use crate::content_disposition::file_name;

/// The name of the parts that are files.
const FILES: &str = "files";
/// Bytes of a refused form that are still read, so that its sender gets to read the answer.
const DRAIN_BYTES: usize = 64 * 1024 * 1024;
/// How long they are waited for.
const DRAIN_TIME: Duration = Duration::from_secs(20);

/// How many bytes that belong to no file may still come: texts, headers of parts, and whatever lies
/// between them. All of that is held in memory by the parser.
#[derive(Debug, Clone)]
struct Allowance(Arc<Left>);

#[derive(Debug)]
struct Left {
    bytes: AtomicUsize,
    used_up: AtomicBool,
}

impl Allowance {
    fn new(bytes: usize) -> Self {
        Self(Arc::new(Left {
            bytes: AtomicUsize::new(bytes),
            used_up: AtomicBool::new(false),
        }))
    }

    fn take(&self, bytes: usize) -> io::Result<()> {
        let left = &self.0.bytes;
        let less = |left: usize| left.checked_sub(bytes);
        if left.fetch_update(Relaxed, Relaxed, less).is_ok() {
            return Ok(());
        }
        self.0.used_up.store(true, Relaxed);
        Err(io::Error::other("the form is too large"))
    }

    fn give_back(&self, bytes: usize) {
        self.0.bytes.fetch_add(bytes, Relaxed);
    }

    /// What the failure of the form is to its sender.
    fn failure(&self) -> ApiError {
        if self.0.used_up.load(Relaxed) {
            return ErrorCode::PayloadTooLarge.into();
        }
        ApiError::invalid("The body is not a valid multipart form")
    }
}

/// A body, metered, one piece at a time: the parser takes all that is ready into memory before it
/// looks at it, so nothing is ready twice in a row.
struct Metered {
    body: BodyDataStream,
    allowance: Allowance,
    paused: bool,
}

impl Stream for Metered {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !std::mem::replace(&mut self.paused, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = ready!(self.body.poll_next_unpin(context));
        self.paused = false;
        Poll::Ready(next.map(|piece| {
            let piece = piece.map_err(io::Error::other)?;
            self.allowance.take(piece.len()).map(|()| piece)
        }))
    }
}

/// Reads a form: its texts, in order; its files are in `upload` then.
pub(crate) async fn read_form(
    request: Request,
    max_bytes: usize,
    upload: &mut Upload,
) -> Result<Vec<(String, String)>, ApiError> {
    let allowance = Allowance::new(max_bytes);
    let (parts, body) = request.into_parts();
    let metered = Metered {
        body: body.into_data_stream(),
        allowance: allowance.clone(),
        paused: true,
    };
    let mut request = Request::from_parts(parts, Body::from_stream(metered));
    // The extractor has a limit of its own, files included.
    DefaultBodyLimit::disable().apply(&mut request);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|_| allowance.failure())?;
    let read = read_parts(&mut form, &allowance, upload).await;
    if read.is_err() {
        allowance.give_back(DRAIN_BYTES);
        // Too slow or too long: the connection is closed on what is left.
        let _ = tokio::time::timeout(DRAIN_TIME, drain(&mut form)).await;
    }
    read
}

async fn read_parts(
    form: &mut Multipart,
    allowance: &Allowance,
    upload: &mut Upload,
) -> Result<Vec<(String, String)>, ApiError> {
    let mut texts = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|_| allowance.failure())? {
        let name = field.name().unwrap_or_default().to_owned();
        let file = file_name(field.headers());
        if name == FILES {
            read_file(field, file.as_deref(), allowance, upload).await?;
        } else if file.is_some() {
            let reason = format!("files must come in parts named `{FILES}`");
            return Err(ApiError::invalid(reason));
        } else {
            let text = field.text().await.map_err(|_| allowance.failure())?;
            texts.push((name, text));
        }
    }
    Ok(texts)
}

async fn read_file(
    mut field: Field<'_>,
    name: Option<&str>,
    allowance: &Allowance,
    upload: &mut Upload,
) -> Result<(), ApiError> {
    let media_type = field.content_type().map(str::to_owned);
    let mut sink = upload.file(name, media_type.as_deref());
    while let Some(chunk) = field.chunk().await.map_err(|_| allowance.failure())? {
        allowance.give_back(chunk.len());
        sink.write(&chunk).await?;
    }
    Ok(sink.finish().await?)
}

async fn drain(form: &mut Multipart) {
    while let Ok(Some(_)) = form.next_field().await {}
}
