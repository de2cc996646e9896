//! Random tasks: what happens in them, in order, as rows and previews.

use model::{
    ApprovalOutcome, CallId, Compacted, ConversationId, DeltaPart, Egress, EgressDecision,
    FinishReason, JournalEvent, JournalRow, MessageId, ModelTurn, NoticeStatus, OpenTurn,
    RunErrorCode, RunNumber, RunOutcome, RunStarted, Seq, SessionId, Thought, Timestamp, ToolCall,
    ToolDecided, ToolFinished, ToolStatus, TurnDelta, Usage, UserMessage,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Something that a live reader is told.
#[derive(Debug, Clone)]
pub(crate) enum News {
    Row(JournalRow),
    Delta(TurnDelta),
}

/// One turn of a random run.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pieces: Vec<String>,
    thoughts: Vec<String>,
    calls: Vec<Call>,
    retried: bool,
    resumed: bool,
    compacted: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Call {
    Auto,
    Approved,
    Rejected,
}

#[derive(Debug, Clone)]
pub(crate) struct Run {
    turns: Vec<Turn>,
    outcome: RunOutcome,
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c \n]{0,6}",
        Just("data: x".to_owned()),
        Just("é\u{2028}\0".to_owned())
    ]
}

fn turn() -> impl Strategy<Value = Turn> {
    let call = prop_oneof![Just(Call::Auto), Just(Call::Approved), Just(Call::Rejected)];
    let calls = proptest::collection::vec(call, 0..3);
    let pieces = proptest::collection::vec(text(), 0..4);
    let thoughts = proptest::collection::vec(text(), 0..3);
    let flags = any::<[bool; 3]>();
    (pieces, thoughts, calls, flags).prop_map(
        |(pieces, thoughts, calls, [retried, resumed, compacted])| Turn {
            pieces,
            thoughts,
            calls,
            retried,
            resumed,
            compacted,
        },
    )
}

/// One to three runs.
pub(crate) fn runs() -> impl Strategy<Value = Vec<Run>> {
    let outcome = prop_oneof![
        4 => Just(RunOutcome::Completed),
        1 => Just(RunOutcome::Cancelled),
        1 => Just(RunOutcome::Failed { code: RunErrorCode::ModelError, message: "no".to_owned() }),
    ];
    let run = (proptest::collection::vec(turn(), 1..4), outcome)
        .prop_map(|(turns, outcome)| Run { turns, outcome });
    proptest::collection::vec(run, 1..4)
}

/// What happens in these runs.
pub(crate) fn news_of(runs: &[Run]) -> Vec<News> {
    let mut tape = Tape {
        news: Vec::new(),
        run: RunNumber::FIRST,
        seq: Seq(0),
        said: false,
    };
    for (index, run) in runs.iter().enumerate() {
        if index > 0 {
            tape.run = tape.run.next();
        }
        tape.said = false;
        tape.begin(index);
        for (number, turn) in (1..).zip(&run.turns) {
            tape.turn(index, number, turn);
        }
        tape.row(JournalEvent::RunFinished(run.outcome.clone()));
    }
    tape.news
}

struct Tape {
    news: Vec<News>,
    run: RunNumber,
    seq: Seq,
    said: bool,
}

impl Tape {
    fn row(&mut self, event: JournalEvent) {
        self.seq = self.seq.next();
        let at = Timestamp::from_millis(1_700_000_000_000 + self.seq.0);
        self.news.push(News::Row(JournalRow {
            seq: self.seq,
            run: self.run,
            at,
            event,
        }));
    }

    fn delta(&mut self, turn: i64, part: DeltaPart) {
        self.news.push(News::Delta(TurnDelta {
            run: self.run,
            turn,
            part,
        }));
    }

    fn begin(&mut self, index: usize) {
        self.row(JournalEvent::UserMessage(UserMessage {
            message_id: MessageId::new(format!("msg_{index}")),
            content: format!("message {index}"),
            attached_files: Vec::new(),
            secret_names: Vec::new(),
        }));
        self.row(JournalEvent::RunStarted(RunStarted {
            session_id: "00000000-0000-4000-8000-000000000001"
                .parse::<SessionId>()
                .unwrap(),
            conversation_id: ConversationId::new("1700000000000-abcdefghi"),
            model: "demo/demo".to_owned(),
            secret_names: Vec::new(),
        }));
    }

    fn turn(&mut self, index: usize, number: i64, turn: &Turn) {
        if turn.resumed {
            self.row(JournalEvent::RunResumed { attempt: number });
        }
        if turn.compacted {
            self.row(JournalEvent::Compacted(Compacted {
                from_run: self.run,
                through_turn: number - 1,
                summary: "what was before".to_owned(),
                usage: Usage::default(),
                output_bytes: None,
            }));
        }
        if turn.retried {
            self.row(JournalEvent::Notice {
                status: NoticeStatus::Retrying,
                message: "again".to_owned(),
            });
        }
        let thoughts: Vec<Thought> = turn
            .thoughts
            .iter()
            .map(|text| Thought {
                subject: "s".to_owned(),
                description: text.clone(),
            })
            .collect();
        for (at, thought) in thoughts.iter().enumerate() {
            self.delta(
                number,
                DeltaPart::Thought {
                    index: at,
                    thought: thought.clone(),
                },
            );
        }
        self.preview_text(number, turn);
        let text = turn.pieces.concat();
        let call_id = |at: usize| CallId::new(format!("call_{index}_{number}_{at}"));
        let calls = turn.calls.iter().enumerate();
        self.row(JournalEvent::ModelTurn(ModelTurn {
            turn: number,
            continues: self.said,
            thoughts,
            tool_calls: calls
                .clone()
                .map(|(at, _)| ToolCall {
                    call_id: call_id(at),
                    name: "tool".to_owned(),
                    args: json!({"n": at}),
                })
                .collect(),
            finish: FinishReason::Stop,
            usage: Usage::default(),
            provider_state: Value::Null,
            text: text.clone(),
        }));
        self.said |= !text.is_empty();
        for (at, call) in calls {
            self.call(call_id(at), *call);
        }
    }

    /// The last piece is never previewed: it comes with the row.
    fn preview_text(&mut self, number: i64, turn: &Turn) {
        let empty = turn.pieces.concat().is_empty();
        let lead = if self.said && !empty { "\n\n" } else { "" };
        let mut offset = 0;
        for piece in turn.pieces.iter().take(turn.pieces.len().saturating_sub(1)) {
            let piece = if offset == 0 && !piece.is_empty() {
                format!("{lead}{piece}")
            } else {
                piece.clone()
            };
            if !piece.is_empty() {
                self.delta(
                    number,
                    DeltaPart::Text {
                        offset,
                        text: piece.clone(),
                    },
                );
                offset += piece.len();
            }
        }
    }

    fn call(&mut self, call_id: CallId, call: Call) {
        let decide = |outcome| {
            JournalEvent::ToolDecided(ToolDecided {
                call_id: call_id.clone(),
                outcome,
                reason: None,
                args: None,
                session_id: None,
            })
        };
        match call {
            Call::Auto => {}
            Call::Approved => {
                self.row(JournalEvent::ToolWaiting {
                    call_id: call_id.clone(),
                });
                self.row(decide(ApprovalOutcome::ProceedOnce));
            }
            Call::Rejected => {
                self.row(JournalEvent::ToolWaiting {
                    call_id: call_id.clone(),
                });
                self.row(decide(ApprovalOutcome::Cancel));
            }
        }
        let rejected = matches!(call, Call::Rejected);
        if !rejected {
            self.row(JournalEvent::ToolStarted {
                call_id: call_id.clone(),
            });
        }
        if !rejected {
            self.row(JournalEvent::Egress(Egress {
                call_id: Some(call_id.clone()),
                host: "open.test".to_owned(),
                port: 443,
                decision: EgressDecision::Allowed,
                reason: None,
                connections: 1,
                sent_bytes: 1,
                received_bytes: 1,
                left_out: 0,
            }));
        }
        self.row(JournalEvent::ToolFinished(ToolFinished {
            call_id,
            status: if rejected {
                ToolStatus::Cancelled
            } else {
                ToolStatus::Success
            },
            output: "output".to_owned(),
            error: None,
        }));
    }
}

/// What a hub knows of the open turn after this news.
pub(crate) fn open_turn(news: &[News]) -> Option<OpenTurn> {
    let mut open: Option<OpenTurn> = None;
    for item in news {
        match item {
            News::Delta(delta) => {
                open.get_or_insert_with(|| OpenTurn::new(delta.run, delta.turn))
                    .apply(delta);
            }
            News::Row(row) => match row.event {
                JournalEvent::ModelTurn(_) | JournalEvent::RunFinished(_) => open = None,
                JournalEvent::UserMessage(_)
                | JournalEvent::RunStarted(_)
                | JournalEvent::RunResumed { .. }
                | JournalEvent::Notice { .. }
                | JournalEvent::Compacted(_)
                | JournalEvent::ToolWaiting { .. }
                | JournalEvent::ToolDecided(_)
                | JournalEvent::ToolStarted { .. }
                | JournalEvent::ToolFinished(_)
                | JournalEvent::Egress(_) => {}
            },
        }
    }
    open
}

/// The rows among the news.
pub(crate) fn rows_of(news: &[News]) -> Vec<JournalRow> {
    news.iter()
        .filter_map(|item| match item {
            News::Row(row) => Some(row.clone()),
            News::Delta(_) => None,
        })
        .collect()
}
