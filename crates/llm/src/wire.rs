//! One streamed turn over HTTP, whatever the wire: sends the request, keeps the time, bounds the
//! size and hands the bytes to a [`WireParser`]. Knows no wire itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use model::Clock;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, Url};
use tokio::time::timeout;

use crate::failure::{Failure, millis, retry_after_ms};
use crate::{ApiKey, HttpConfig, ModelError, TurnEvent, TurnStream};

/// The part of an error body that is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// How long the end of a response is awaited after the turn's, so that the connection can be used
/// again. It normally comes in the same packet; a server that dawdles costs a new connection.
const DRAIN_MS: u64 = 200;
/// More than this after the end of a turn is not worth reading.
const MAX_DRAIN_BYTES: usize = 64 * 1024;

/// What came out of a wire, in order; after an error nothing more.
pub(crate) type Arrived = VecDeque<Result<TurnEvent, ModelError>>;

/// Whether more is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The turn goes on.
    Open,
    /// The turn is over, by [`TurnEvent::Finished`] or by an error.
    Over,
}

/// The state machine of one wire's stream. Pure: bytes in, events out.
pub(crate) trait WireParser: Send + 'static {
    /// Takes bytes, split anywhere.
    fn feed(&mut self, bytes: &[u8], arrived: &mut Arrived) -> Progress;

    /// The bytes ended because of `cause`. Closes the turn if all of it had arrived, else reports
    /// `cause`.
    fn end(&mut self, cause: ModelError, arrived: &mut Arrived);
}

/// What the turns of one provider share.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) limits: HttpConfig,
    pub(crate) key: Option<ApiKey>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Connection {
    /// Posts `body`, JSON text, to `url` when the stream is first polled, and streams what `parser`
    /// makes of the answer.
    pub(crate) fn post(&self, url: Url, body: Vec<u8>, parser: impl WireParser) -> TurnStream {
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "text/event-stream")
            .body(body);
        let turn = Turn {
            connection: self.clone(),
            parser,
            phase: Phase::Unsent(Box::new(request)),
            arrived: Arrived::new(),
            read_bytes: 0,
        };
        stream::unfold(turn, |mut turn| async move {
            let event = turn.next().await?;
            Some((event, turn))
        })
        .boxed()
    }
}

#[derive(Debug)]
enum Phase {
    Unsent(Box<RequestBuilder>),
    Reading(Box<Response>),
    /// The turn is over, the response perhaps not quite.
    Draining(Box<Response>),
    Over,
}

struct Turn<P> {
    connection: Connection,
    parser: P,
    phase: Phase,
    arrived: Arrived,
    read_bytes: u64,
}

impl<P: WireParser> Turn<P> {
    async fn next(&mut self) -> Option<Result<TurnEvent, ModelError>> {
        loop {
            if let Some(event) = self.arrived.pop_front() {
                if event.is_err() {
                    self.phase = Phase::Over;
                    self.arrived.clear();
                }
                return Some(event);
            }
            match std::mem::replace(&mut self.phase, Phase::Over) {
                Phase::Unsent(request) => match self.connection.send(*request).await {
                    Ok(response) => self.phase = Phase::Reading(Box::new(response)),
                    Err(error) => return Some(Err(error)),
                },
                Phase::Reading(response) => self.read(response).await,
                Phase::Draining(response) => drain(response).await,
                Phase::Over => return None,
            }
        }
    }

    async fn read(&mut self, mut response: Box<Response>) {
        let limits = self.connection.limits;
        let cause = match self.connection.in_time(response.chunk()).await {
            Ok(Ok(Some(bytes))) => {
                self.read_bytes = self.read_bytes.saturating_add(bytes.len() as u64);
                if self.read_bytes <= limits.max_response_bytes {
                    self.phase = match self.parser.feed(&bytes, &mut self.arrived) {
                        Progress::Open => Phase::Reading(response),
                        Progress::Over => Phase::Draining(response),
                    };
                    return;
                }
                self.arrived
                    .push_back(Err(ModelError::malformed("an answer beyond all bounds")));
                return;
            }
            Ok(Ok(None)) => ModelError::Cut { source: None },
            Ok(Err(error)) => ModelError::Cut {
                source: Some(Box::new(error.without_url())),
            },
            Err(timed_out) => timed_out,
        };
        self.parser.end(cause, &mut self.arrived);
    }
}

/// Reads the rest of a response whose turn is over.
async fn drain(mut response: Box<Response>) {
    let rest = async {
        let mut read = 0;
        while let Ok(Some(bytes)) = response.chunk().await
            && read < MAX_DRAIN_BYTES
        {
            read += bytes.len();
        }
    };
    // Either way the turn is over.
    let _ = timeout(Duration::from_millis(DRAIN_MS), rest).await;
}

impl Connection {
    /// Waits for `work` at most the idle time.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, ModelError> {
        let idle_ms = self.limits.idle_timeout_ms;
        timeout(Duration::from_millis(idle_ms), work)
            .await
            .map_err(|_| ModelError::TimedOut { idle_ms })
    }

    /// Sends a request; answers only with the head of a stream.
    async fn send(&self, request: RequestBuilder) -> Result<Response, ModelError> {
        let response =
            self.in_time(request.send())
                .await?
                .map_err(|error| ModelError::Unavailable {
                    status: None,
                    retry_after_ms: None,
                    message: String::new(),
                    source: Some(Box::new(error.without_url())),
                })?;
        // Not every server names its streams rightly, but none calls them so.
        let is_document = response.headers().get(CONTENT_TYPE).is_some_and(|kind| {
            let kind = kind.as_bytes();
            kind.starts_with(b"application/json") || kind.starts_with(b"text/html")
        });
        if response.status().is_success() && !is_document {
            return Ok(response);
        }
        let failure = Failure {
            status: (!response.status().is_success()).then_some(response.status().as_u16()),
            retry_after_ms: self.wish(response.headers()),
            key: self.key.as_ref(),
        };
        let body = self.error_body(response).await;
        if failure.status.is_none() && !body.contains("\"error\"") {
            return Err(ModelError::malformed("an answer that is not a stream"));
        }
        Err(failure.read_body(&body))
    }

    /// What an error answer says, as far as it arrives.
    async fn error_body(&self, mut response: Response) -> String {
        let mut body = Vec::new();
        while body.len() < MAX_ERROR_BYTES
            && let Ok(Ok(Some(bytes))) = self.in_time(response.chunk()).await
        {
            body.extend_from_slice(&bytes);
        }
        body.truncate(MAX_ERROR_BYTES);
        String::from_utf8_lossy(&body).into_owned()
    }

    fn wish(&self, headers: &HeaderMap) -> Option<u64> {
        let precise = headers
            .get("retry-after-ms")
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .and_then(millis);
        precise.or_else(|| {
            let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
            retry_after_ms(value, self.clock.now())
        })
    }
}
