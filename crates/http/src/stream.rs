//! The body of a stream: frames as they come, a heartbeat where none do, the end after the
//! terminal event, when the credential dies, or when the run loses its worker.

use std::collections::VecDeque;
use std::convert::Infallible;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use model::{Principal, RunNumber, Seq};
use tasks::{Snapshot, Update, Watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use wire::{Envelope, Frame, HEARTBEAT, Projector, Step};

use crate::extract::Presented;
use crate::metrics::CountedReader;
use crate::open_streams::OpenStream;
use crate::state::AppState;

/// A reader that was opened.
pub(crate) struct Reader {
    projector: Projector,
    watch: Watch,
    pending: VecDeque<Frame>,
    /// The run whose end ends the stream.
    run: RunNumber,
    ended: bool,
}

/// Opens a stream at a snapshot, after the cursor if it has one. A cursor beyond the last row is
/// taken as absent. `None`: nothing follows the cursor.
pub(crate) fn open(snapshot: Snapshot, watch: Watch, cursor: Option<Seq>) -> Option<Reader> {
    let Snapshot { task, rows, open } = snapshot;
    let is_open = task.status.is_open();
    let last = rows.last().map_or(Seq(0), |row| row.seq);
    let cursor = cursor.filter(|cursor| *cursor <= last);
    let (projector, pending) = match cursor {
        Some(cursor) if cursor == last && !is_open => return None,
        Some(cursor) => (Projector::after_cursor(&rows, cursor), Vec::new()),
        None => Projector::with_history(&rows, task.run, task.status),
    };
    let mut reader = Reader {
        projector,
        watch,
        pending: pending.into(),
        run: task.run,
        ended: cursor.is_none() && !is_open,
    };
    for row in &rows {
        let step = reader.projector.row(row);
        reader.take(step);
    }
    if let Some(open) = open.filter(|_| !reader.ended) {
        reader.pending.extend(reader.projector.open_turn(&open));
    }
    Some(reader)
}

impl Reader {
    fn take(&mut self, step: Step) {
        match step {
            Step::Restart => self.ended = true,
            Step::Send(frames) => {
                let last_run = self.projector.run() >= self.run;
                let terminal = frames.iter().any(|frame| frame.event.is_terminal());
                self.ended |= last_run && terminal;
                self.pending.extend(frames);
            }
        }
    }

    fn update(&mut self, update: Update) {
        if self.ended {
            return;
        }
        match update {
            Update::Row(row) => {
                let step = self.projector.row(&row);
                self.take(step);
            }
            Update::Delta(delta) => self.pending.extend(self.projector.delta(&delta)),
            Update::OpenTurn(open) => self.pending.extend(self.projector.open_turn(&open)),
            Update::Closed => self.ended = true,
        }
    }
}

/// See the module.
pub(crate) struct StreamBody {
    reader: Reader,
    envelope: Envelope,
    heartbeat: Interval,
    credential: auth::CredentialWatch,
    _open: OpenStream,
    _counted: CountedReader,
}

impl StreamBody {
    pub(crate) fn new(
        reader: Reader,
        envelope: Envelope,
        state: &AppState,
        presented: Presented,
        by: Principal,
    ) -> Self {
        let period = state.config.heartbeat;
        let mut heartbeat = interval_at(Instant::now() + period, period);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let credential = state
            .authenticator
            .watch(presented.credential, presented.peer);
        Self {
            reader,
            envelope,
            heartbeat,
            credential,
            _open: state.streams.open(by),
            _counted: state.metrics.reader(),
        }
    }

    pub(crate) fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        unfold(self, |mut body| async move {
            let block = body.next_block().await?;
            Some((Ok(block), body))
        })
    }

    async fn next_block(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.reader.pending.pop_front() {
                return Some(Bytes::from(frame.to_text(self.envelope)));
            }
            if self.reader.ended {
                return None;
            }
            tokio::select! {
                biased;
                () = self.credential.revoked() => return None,
                updates = self.reader.watch.next() => match updates {
                    Ok(updates) => {
                        for update in updates {
                            self.reader.update(update);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "a stream broke off");
                        return None;
                    }
                },
                _ = self.heartbeat.tick() => return Some(Bytes::from_static(HEARTBEAT.as_bytes())),
            }
        }
    }
}
