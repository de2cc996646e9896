//! What the rows of one run add up to. Used alike by the agent (what to do next), by `GET` (output,
//! pending approvals) and by the wire mapping (which arguments a call has), so that they cannot
//! disagree.

use serde_json::Value;

use crate::{
    ApprovalOutcome, CallId, Compacted, FinishReason, JournalEvent, JournalRow, ModelTurn,
    RunNumber, RunOutcome, RunStarted, SessionId, Thought, Timestamp, ToolFinished, Usage,
    UserMessage,
};

/// The state of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFold {
    run: RunNumber,
    user_message: Option<UserMessage>,
    started: Option<RunStarted>,
    turns: Vec<ModelTurn>,
    calls: Vec<CallFold>,
    text: String,
    updated_at: Option<Timestamp>,
    outcome: Option<RunOutcome>,
    compacted: Option<CompactedFold>,
    compaction_usage: Usage,
}

/// The last summary that a run made, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactedFold {
    /// The summary and what it stands for.
    pub row: Compacted,
    /// Turns of the run before it.
    pub turns: i64,
}

/// A tool call and how far it got.
#[derive(Debug, Clone, PartialEq)]
pub struct CallFold {
    /// Unique within the task.
    pub call_id: CallId,
    /// The tool.
    pub name: String,
    /// What the model proposed.
    pub proposed_args: Value,
    /// What a person put in its place.
    pub edited_args: Option<Value>,
    /// The turn that proposed it.
    pub turn: i64,
    /// How far it got.
    pub state: CallState,
}

impl CallFold {
    /// The arguments that count: the edited ones if there are any.
    pub fn args(&self) -> &Value {
        self.edited_args.as_ref().unwrap_or(&self.proposed_args)
    }
}

/// How far a tool call got.
#[derive(Debug, Clone, PartialEq)]
pub enum CallState {
    /// The model proposed it, nothing was decided.
    Proposed,
    /// It waits for a person.
    Waiting,
    /// A person decided.
    Decided {
        /// What.
        outcome: ApprovalOutcome,
        /// Why, told to the model on `cancel`.
        reason: Option<String>,
        /// The session that `proceed_always` covers.
        session_id: Option<SessionId>,
    },
    /// It runs, or ran when the worker was lost.
    Started,
    /// It ended.
    Finished(ToolFinished),
}

impl RunFold {
    /// The empty state of a run.
    pub fn new(run: RunNumber) -> Self {
        Self {
            run,
            user_message: None,
            started: None,
            turns: Vec::new(),
            calls: Vec::new(),
            text: String::new(),
            updated_at: None,
            outcome: None,
            compacted: None,
            compaction_usage: Usage::default(),
        }
    }

    /// Folds the rows of one run.
    pub fn of<'a>(run: RunNumber, rows: impl IntoIterator<Item = &'a JournalRow>) -> Self {
        let mut fold = Self::new(run);
        for row in rows {
            fold.apply(row);
        }
        fold
    }

    /// Takes one more row. Rows of other runs and rows about unknown calls change nothing.
    pub fn apply(&mut self, row: &JournalRow) {
        if row.run != self.run {
            return;
        }
        match &row.event {
            JournalEvent::UserMessage(message) => self.user_message = Some(message.clone()),
            JournalEvent::RunStarted(started) => self.started = Some(started.clone()),
            JournalEvent::RunResumed { .. }
            | JournalEvent::Notice { .. }
            | JournalEvent::Egress(_) => return,
            JournalEvent::ModelTurn(turn) => self.apply_turn(turn),
            JournalEvent::ToolWaiting { call_id } => self.set_state(call_id, CallState::Waiting),
            JournalEvent::ToolDecided(decided) => {
                if let Some(call) = self.call_mut(&decided.call_id) {
                    call.edited_args.clone_from(&decided.args);
                    call.state = CallState::Decided {
                        outcome: decided.outcome,
                        reason: decided.reason.clone(),
                        session_id: decided.session_id,
                    };
                }
            }
            JournalEvent::ToolStarted { call_id } => self.set_state(call_id, CallState::Started),
            JournalEvent::ToolFinished(finished) => {
                self.set_state(&finished.call_id, CallState::Finished(finished.clone()));
            }
            JournalEvent::RunFinished(outcome) => self.outcome = Some(outcome.clone()),
            JournalEvent::Compacted(compacted) => {
                self.compaction_usage = self.compaction_usage.plus(compacted.usage);
                self.compacted = Some(CompactedFold {
                    row: compacted.clone(),
                    turns: i64::try_from(self.turns.len()).unwrap_or(i64::MAX),
                });
            }
        }
        self.updated_at = Some(row.at);
    }

    fn apply_turn(&mut self, turn: &ModelTurn) {
        self.text.push_str(&turn.wire_text());
        self.calls
            .extend(turn.tool_calls.iter().map(|call| CallFold {
                call_id: call.call_id.clone(),
                name: call.name.clone(),
                proposed_args: call.args.clone(),
                edited_args: None,
                turn: turn.turn,
                state: CallState::Proposed,
            }));
        self.turns.push(turn.clone());
    }

    fn set_state(&mut self, call_id: &CallId, state: CallState) {
        if let Some(call) = self.call_mut(call_id) {
            call.state = state;
        }
    }

    fn call_mut(&mut self, call_id: &CallId) -> Option<&mut CallFold> {
        self.calls
            .iter_mut()
            .rev()
            .find(|call| call.call_id == *call_id)
    }

    /// Which run this is.
    pub fn run(&self) -> RunNumber {
        self.run
    }

    /// What the caller said.
    pub fn user_message(&self) -> Option<&UserMessage> {
        self.user_message.as_ref()
    }

    /// Session, conversation and model, once a worker took the run up.
    pub fn started(&self) -> Option<&RunStarted> {
        self.started.as_ref()
    }

    /// The model's turns so far.
    pub fn turns(&self) -> &[ModelTurn] {
        &self.turns
    }

    /// The calls so far, in the order they were proposed.
    pub fn calls(&self) -> &[CallFold] {
        &self.calls
    }

    /// A call by its id.
    pub fn call(&self, call_id: &CallId) -> Option<&CallFold> {
        self.calls
            .iter()
            .rev()
            .find(|call| call.call_id == *call_id)
    }

    /// The calls that wait for a person.
    pub fn pending(&self) -> impl Iterator<Item = &CallFold> {
        self.calls
            .iter()
            .filter(|call| call.state == CallState::Waiting)
    }

    /// All text so far, as clients see it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All thoughts so far.
    pub fn thoughts(&self) -> impl Iterator<Item = &Thought> {
        self.turns.iter().flat_map(|turn| &turn.thoughts)
    }

    /// When a row last changed this state.
    pub fn updated_at(&self) -> Option<Timestamp> {
        self.updated_at
    }

    /// How the run ended, if it did.
    pub fn outcome(&self) -> Option<&RunOutcome> {
        self.outcome.as_ref()
    }

    /// How the last turn ended.
    pub fn last_finish(&self) -> Option<FinishReason> {
        self.turns.last().map(|turn| turn.finish)
    }

    /// The last summary that was made in the run.
    pub fn compacted(&self) -> Option<&CompactedFold> {
        self.compacted.as_ref()
    }

    /// Tokens of all turns and summaries.
    pub fn usage(&self) -> Usage {
        let turns = self.turns.iter().map(|turn| turn.usage);
        turns.fold(self.compaction_usage, Usage::plus)
    }
}
