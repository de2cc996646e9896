//! What every request passes through: a request id and one log line. No business meaning here.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use model::Random;

use crate::api_error::AnsweredCode;
use crate::extract::AskedBy;
use crate::state::AppState;

/// Filled in by authentication, read by the log line.
#[derive(Debug, Clone, Default)]
pub(crate) struct AskedBySlot(Arc<OnceLock<AskedBy>>);

impl AskedBySlot {
    pub(crate) fn set(&self, asked_by: AskedBy) {
        // A second extractor of the same request says the same.
        let _ = self.0.set(asked_by);
    }
}

/// Gives the request an id, answers it, writes one line about it.
pub(crate) async fn log_request(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let request_id = request_id(&state);
    let asked_by = AskedBySlot::default();
    request.extensions_mut().insert(asked_by.clone());
    let method = request.method().clone();
    // The route, not the path: a path may hold anything.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let span = tracing::info_span!("request", id = %request_id);
    let mut response = tracing::Instrument::instrument(next.run(request), span).await;
    let took = started.elapsed();
    tracing::info!(
        id = %request_id,
        %method,
        route = route.as_deref().unwrap_or("-"),
        status = response.status().as_u16(),
        code = response.extensions().get::<AnsweredCode>().map(|code| code.0.as_str()),
        caller = asked_by.0.get().map(tracing::field::display),
        took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "answered"
    );
    state
        .metrics
        .answered(&method, route, response.status(), took);
    name(&mut response, &request_id);
    response
}

/// Names and writes one line about a request that was refused before it had a route.
pub(crate) fn log_refusal(
    state: &AppState,
    method: &Method,
    started: Instant,
    mut response: Response,
) -> Response {
    let request_id = request_id(state);
    tracing::info!(
        id = %request_id,
        route = "-",
        status = response.status().as_u16(),
        code = response.extensions().get::<AnsweredCode>().map(|code| code.0.as_str()),
        "refused"
    );
    let took = started.elapsed();
    state
        .metrics
        .answered(method, None, response.status(), took);
    name(&mut response, &request_id);
    response
}

fn name(response: &mut Response, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-request-id", value);
    }
}

fn request_id(state: &AppState) -> String {
    let [head, tail] = state.request_ids.next(&*state.random);
    format!("{head:016x}{tail:08x}", tail = tail >> 32)
}

/// Ids that nobody can count requests by, made many at a time: each filling is a call of the
/// kernel.
#[derive(Debug, Default)]
pub(crate) struct RequestIds(Mutex<Vec<[u64; 2]>>);

impl RequestIds {
    /// Made at a time.
    const BATCH: usize = 64;

    fn next(&self, random: &dyn Random) -> [u64; 2] {
        let mut made = self
            .0
            .lock()
            .expect("no code panics while it holds this lock");
        if let Some(id) = made.pop() {
            return id;
        }
        let mut bytes = [0_u8; 16 * Self::BATCH];
        random.fill(&mut bytes);
        let (ids, _) = bytes.as_chunks::<16>();
        let half = |bytes: [u8; 8]| u64::from_ne_bytes(bytes);
        made.extend(ids.iter().map(|id| {
            let [a, b, c, d, e, f, g, h, rest @ ..] = *id;
            [half([a, b, c, d, e, f, g, h]), half(rest)]
        }));
        made.pop().unwrap_or_default()
    }
}
