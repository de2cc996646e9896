//! A stream that survives broken connections and restarts of the server.

use std::time::Duration;

use crate::{Client, Error, EventStream, Received, ServerEvent};

/// How often and how fast to connect again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait, milliseconds; each further one doubles it.
    pub first_ms: u64,
    /// The longest wait, milliseconds.
    pub most_ms: u64,
    /// Connections in a row that may bring nothing before [`Follow::next`] fails.
    pub tries: u32,
}

impl Default for Backoff {
    /// From 100 ms to 5 s, for about five minutes.
    fn default() -> Self {
        Self {
            first_ms: 100,
            most_ms: 5_000,
            tries: 64,
        }
    }
}

impl Backoff {
    fn wait(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        Duration::from_millis((self.first_ms << doublings).min(self.most_ms))
    }
}

/// What a follower tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Followed {
    /// The next event.
    Event(Box<Received>),
    /// The connection broke: forget what came after the last event with an id (without any:
    /// everything); the server sends it again, or something else in its place.
    Rewind,
}

/// The events of a task until its run has ended. What is left after every [`Followed::Rewind`]
/// was obeyed is each event exactly once.
#[derive(Debug)]
pub struct Follow {
    client: Client,
    task_id: String,
    backoff: Backoff,
    state: State,
    cursor: Option<i64>,
    /// Whether something without an id was told since the last event with one.
    loose: bool,
    /// Whether the last event was one after which the server may close for good.
    closing: bool,
    /// Whether the open connection began at a cursor.
    resumed: bool,
    failures: u32,
}

#[derive(Debug)]
enum State {
    /// Not connected; waits first if connections failed.
    Idle,
    Open(Box<EventStream>),
    Ended,
}

impl Follow {
    pub(crate) fn new(client: Client, task_id: String, backoff: Backoff) -> Self {
        Self {
            client,
            task_id,
            backoff,
            state: State::Idle,
            cursor: None,
            loose: false,
            closing: false,
            resumed: false,
            failures: 0,
        }
    }

    /// The id of the last event that had one: where another reader could go on.
    pub fn cursor(&self) -> Option<i64> {
        self.cursor
    }

    /// What comes next; `None` when the run has ended and everything was told. Dropping the future
    /// loses nothing.
    ///
    /// # Errors
    /// What the server refuses for good (no such task, a revoked key); what connections failed
    /// with after too many tries.
    pub async fn next(&mut self) -> Result<Option<Followed>, Error> {
        loop {
            match &mut self.state {
                State::Ended => return Ok(None),
                State::Idle => self.connect().await?,
                State::Open(stream) => match stream.next().await {
                    Ok(Some(received)) => {
                        return self.note(received).map(Some);
                    }
                    Ok(None) if self.closing => self.state = State::Ended,
                    Ok(None) => {
                        let tries = self.failures + 1;
                        self.broken(Error::StreamEnds { tries })?;
                        if std::mem::take(&mut self.loose) {
                            return Ok(Some(Followed::Rewind));
                        }
                    }
                    Err(error) if error.is_transient() => {
                        self.broken(error)?;
                        if std::mem::take(&mut self.loose) {
                            return Ok(Some(Followed::Rewind));
                        }
                    }
                    Err(error) => {
                        self.state = State::Ended;
                        return Err(error);
                    }
                },
            }
        }
    }

    async fn connect(&mut self) -> Result<(), Error> {
        if self.failures > 0 {
            tokio::time::sleep(self.backoff.wait(self.failures)).await;
        }
        match self.client.stream(&self.task_id, self.cursor).await {
            Ok(Some(stream)) => {
                self.resumed = self.cursor.is_some();
                self.state = State::Open(Box::new(stream));
            }
            Ok(None) => self.state = State::Ended,
            Err(error) if error.is_transient() => self.broken(error)?,
            Err(error) => {
                self.state = State::Ended;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Counts a connection that is over; too many that brought nothing end it all.
    fn broken(&mut self, error: Error) -> Result<(), Error> {
        self.state = State::Idle;
        self.failures += 1;
        if self.failures < self.backoff.tries {
            return Ok(());
        }
        self.state = State::Ended;
        Err(error)
    }

    fn note(&mut self, received: Received) -> Result<Followed, Error> {
        if self.resumed && matches!(received.event, ServerEvent::HistoryDone { .. }) {
            // It does not know the cursor: another database answers under the same URL.
            self.state = State::Ended;
            return Err(Error::Protocol(
                "the task's journal is shorter than before".to_owned(),
            ));
        }
        self.failures = 0;
        self.closing = match &received.event {
            ServerEvent::HistoryDone { is_streaming, .. } => !is_streaming,
            ServerEvent::Error { .. } | ServerEvent::Done { .. } => true,
            ServerEvent::HistoryMessage(_)
            | ServerEvent::Status { .. }
            | ServerEvent::Thought(_)
            | ServerEvent::Content { .. }
            | ServerEvent::ToolCall { .. }
            | ServerEvent::ToolResult { .. }
            | ServerEvent::Unknown { .. } => false,
        };
        match received.id {
            Some(id) => {
                self.cursor = Some(id);
                self.loose = false;
            }
            None => self.loose = true,
        }
        Ok(Followed::Event(Box::new(received)))
    }
}
