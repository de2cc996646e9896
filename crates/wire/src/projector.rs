//! From journal rows and previews to the events of one reader. Pure: the server feeds it what its
//! store and its live hub say, a property test feeds it random journals cut at random points.
//!
//! Each row maps to a fixed list of events (the table is in the API reference, "From journal to
//! stream"); the last of them carries the row's `seq`. Previews of an open turn are sent without an
//! id; when the turn's row arrives, only what was not yet sent of it follows.

use model::{
    CallId, CallState, DeltaPart, JournalEvent, JournalRow, ModelTurn, OpenTurn, RunFold,
    RunNumber, RunOutcome, Seq, TaskStatus, TurnDelta,
};

use crate::event::error_code;
use crate::{
    Frame, MessageResponse, StatusName, StreamEvent, TASK_CANCELLED, call_status, messages_of,
};

/// The events of one reader of one task.
#[derive(Debug, Clone)]
pub struct Projector {
    seen: Seq,
    fold: RunFold,
    open: Sent,
}

/// What was already sent of the open turn.
#[derive(Debug, Clone, Default)]
struct Sent {
    turn: i64,
    text_bytes: usize,
    thoughts: usize,
}

/// What a row does to a reader.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// These events follow.
    Send(Vec<Frame>),
    /// Text was sent that the journal does not hold and never will: the reader must start again
    /// from its cursor.
    Restart,
}

impl Projector {
    /// A reader without a cursor: the three phases. Returns the history phase of the journal `rows`
    /// of a task whose latest `run` is open or not by its `status`. The rows of an open run after
    /// its message are then fed to [`row`](Self::row).
    pub fn with_history(
        rows: &[JournalRow],
        run: RunNumber,
        status: TaskStatus,
    ) -> (Self, Vec<Frame>) {
        let is_streaming = status.is_open();
        let held = if is_streaming {
            rows_held(rows, run)
        } else {
            rows.len()
        };
        let (held, _) = rows.split_at(held);
        let messages = messages_of(held);
        let message_count = messages.len();
        let last = held.last().map_or(Seq(0), |row| row.seq);
        let mut frames: Vec<Frame> = messages
            .into_iter()
            .map(|message| Frame {
                event: StreamEvent::HistoryMessage(Box::new(message)),
                id: None,
            })
            .collect();
        frames.push(Frame {
            event: StreamEvent::HistoryDone {
                message_count,
                is_streaming,
            },
            id: Some(last),
        });
        (
            Self {
                seen: last,
                fold: RunFold::of(run, held),
                open: Sent::default(),
            },
            frames,
        )
    }

    /// A reader that has everything up to `cursor`. `rows` is the whole journal, of which those
    /// after the cursor are then fed to [`row`](Self::row).
    pub fn after_cursor(rows: &[JournalRow], cursor: Seq) -> Self {
        let seen: Vec<&JournalRow> = rows.iter().filter(|row| row.seq <= cursor).collect();
        let run = seen.last().map_or(RunNumber::FIRST, |row| row.run);
        let fold = RunFold::of(run, seen);
        Self {
            seen: cursor,
            fold,
            open: Sent::default(),
        }
    }

    /// The last row that this reader has wholly received.
    pub fn seen(&self) -> Seq {
        self.seen
    }

    /// The run of the last row that this reader received.
    pub fn run(&self) -> RunNumber {
        self.fold.run()
    }

    /// Takes the next row; rows at or below [`seen`](Self::seen) are dropped.
    pub fn row(&mut self, row: &JournalRow) -> Step {
        if row.seq <= self.seen {
            return Step::Send(Vec::new());
        }
        if matches!(row.event, JournalEvent::RunResumed { .. }) && self.open.text_bytes > 0 {
            return Step::Restart;
        }
        if row.run != self.fold.run() {
            self.fold = RunFold::new(row.run);
            self.open = Sent::default();
        }
        self.seen = row.seq;
        let events = self.events(row);
        self.fold.apply(row);
        let events = events.into_iter().chain(self.outcome(row));
        let mut frames: Vec<Frame> = events.map(|event| Frame { event, id: None }).collect();
        if let Some(last) = frames.last_mut() {
            last.id = Some(row.seq);
        }
        Step::Send(frames)
    }

    /// Takes a piece of an open turn; one that was sent, or whose turn is closed, is dropped.
    pub fn delta(&mut self, delta: &TurnDelta) -> Vec<Frame> {
        if !self.enter_turn(delta.run, delta.turn) {
            return Vec::new();
        }
        let event = match &delta.part {
            DeltaPart::Text { offset, text } => {
                let known = self.open.text_bytes.saturating_sub(*offset);
                let Some(text) = text.get(known..).filter(|text| !text.is_empty()) else {
                    return Vec::new();
                };
                // A gap means that this reader missed a piece: the turn's row will bring it.
                if *offset > self.open.text_bytes {
                    return Vec::new();
                }
                self.open.text_bytes += text.len();
                StreamEvent::Content {
                    text: text.to_owned(),
                    is_partial: true,
                }
            }
            DeltaPart::Thought { index, thought } if *index == self.open.thoughts => {
                self.open.thoughts += 1;
                StreamEvent::Thought(thought.into())
            }
            DeltaPart::Thought { .. } => return Vec::new(),
        };
        vec![Frame { event, id: None }]
    }

    /// Takes all that was previewed of the open turn before this reader came.
    pub fn open_turn(&mut self, open: &OpenTurn) -> Vec<Frame> {
        let thoughts =
            open.thoughts
                .iter()
                .enumerate()
                .map(|(index, thought)| DeltaPart::Thought {
                    index,
                    thought: thought.clone(),
                });
        let text = DeltaPart::Text {
            offset: 0,
            text: open.text.clone(),
        };
        let mut frames = Vec::new();
        for part in thoughts.chain([text]) {
            frames.extend(self.delta(&TurnDelta {
                run: open.run,
                turn: open.turn,
                part,
            }));
        }
        frames
    }

    /// Whether previews of that turn are wanted.
    fn enter_turn(&mut self, run: RunNumber, turn: i64) -> bool {
        let closed = i64::try_from(self.fold.turns().len()).unwrap_or(i64::MAX);
        if run != self.fold.run() || turn != closed + 1 {
            return false;
        }
        if self.open.turn != turn {
            self.open = Sent {
                turn,
                ..Sent::default()
            };
        }
        true
    }

    fn events(&mut self, row: &JournalRow) -> Vec<StreamEvent> {
        match &row.event {
            JournalEvent::UserMessage(message) => {
                vec![StreamEvent::HistoryMessage(Box::new(
                    MessageResponse::user(message, row),
                ))]
            }
            JournalEvent::RunStarted(_) => vec![StreamEvent::Status {
                status: StatusName::Processing,
                message: "The agent is working".to_owned(),
            }],
            JournalEvent::Notice { status, message } => vec![StreamEvent::Status {
                status: (*status).into(),
                message: message.clone(),
            }],
            JournalEvent::Compacted(_) => vec![StreamEvent::Status {
                status: StatusName::Processing,
                message: "The conversation was summarized to fit the model's window".to_owned(),
            }],
            JournalEvent::ModelTurn(turn) => self.rest_of_turn(turn),
            JournalEvent::ToolWaiting { call_id } => self.tool_call(call_id, "awaiting_approval"),
            JournalEvent::ToolStarted { call_id } => self.tool_call(call_id, "executing"),
            JournalEvent::ToolFinished(finished) => vec![StreamEvent::ToolResult {
                call_id: finished.call_id.to_string(),
                tool_name: self
                    .fold
                    .call(&finished.call_id)
                    .map_or_else(String::new, |call| call.name.clone()),
                status: call_status(&CallState::Finished(finished.clone())),
                output: finished.output.clone(),
                error: finished.error.clone(),
            }],
            JournalEvent::RunResumed { .. }
            | JournalEvent::ToolDecided(_)
            | JournalEvent::Egress(_)
            | JournalEvent::RunFinished(_) => Vec::new(),
        }
    }

    fn rest_of_turn(&mut self, turn: &ModelTurn) -> Vec<StreamEvent> {
        let sent = if self.open.turn == turn.turn {
            std::mem::take(&mut self.open)
        } else {
            Sent::default()
        };
        if turn.text.is_empty() && turn.thoughts.is_empty() {
            return Vec::new();
        }
        let text = turn.wire_text();
        let rest = text.get(sent.text_bytes..).unwrap_or_default().to_owned();
        let thoughts = turn.thoughts.iter().skip(sent.thoughts);
        thoughts
            .map(|thought| StreamEvent::Thought(thought.into()))
            .chain([StreamEvent::Content {
                text: rest,
                is_partial: false,
            }])
            .collect()
    }

    fn tool_call(&self, call_id: &CallId, status: &'static str) -> Vec<StreamEvent> {
        let Some(call) = self.fold.call(call_id) else {
            return Vec::new();
        };
        vec![StreamEvent::ToolCall {
            call_id: call_id.to_string(),
            tool_name: call.name.clone(),
            status,
            args: call.args().clone(),
        }]
    }

    /// The terminal event, which tells the whole text and so needs the row folded.
    fn outcome(&self, row: &JournalRow) -> Option<StreamEvent> {
        let JournalEvent::RunFinished(outcome) = &row.event else {
            return None;
        };
        Some(match outcome {
            RunOutcome::Completed => StreamEvent::Done {
                final_response: self.fold.text().to_owned(),
            },
            RunOutcome::Failed { code, message } => StreamEvent::Error {
                message: message.clone(),
                code: error_code(*code).to_owned(),
            },
            RunOutcome::Cancelled => StreamEvent::Error {
                message: "Task cancelled".to_owned(),
                code: TASK_CANCELLED.to_owned(),
            },
        })
    }
}

/// How many rows the history of a task with an open `run` holds: all up to that run's message.
fn rows_held(rows: &[JournalRow], run: RunNumber) -> usize {
    rows.iter()
        .position(|row| row.run == run && matches!(row.event, JournalEvent::UserMessage(_)))
        .map_or(rows.len(), |at| at + 1)
}
