//! The loop of one run: decide, do, write down.

use std::collections::HashSet;
use std::sync::Arc;

use llm::{ResolvedModel, RetryPolicy, TurnRequest};
use model::{
    CallId, Clock, JournalEvent, JournalRow, NoticeStatus, Random, RunErrorCode, RunNumber,
    RunOutcome, SessionId, ToolFinished, ToolStatus,
};

use crate::memory::facts_of;
use crate::prompt::with_facts;
use crate::state::State;
use crate::{
    AgentError, AgentMetrics, Budget, Journal, Parking, Step, StepInput, Stop, StopReason,
    ToolSession, Toolbox, messages_of, next_step, system_prompt,
};

/// What is told to the model (and the client) of a call whose worker was lost while it ran.
const OUTCOME_UNKNOWN: &str = "The server stopped while this call was running. Whether it took \
effect is unknown; look before you run it again.";

/// Limits of every run.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// When a failed model request is tried again.
    pub retry: RetryPolicy,
    /// Model turns at most, where the task names no limit of its own.
    pub max_turns: i64,
}

/// What every run of a server shares.
#[derive(Debug, Clone)]
pub struct Agent {
    /// The tools that exist.
    pub tools: Arc<Toolbox>,
    /// Limits.
    pub config: AgentConfig,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// What is counted.
    pub metrics: AgentMetrics,
}

/// What one run works with.
#[derive(Debug)]
pub struct RunInput {
    /// Which run.
    pub run: RunNumber,
    /// The session it works in.
    pub session_id: SessionId,
    /// The task's whole journal so far.
    pub rows: Vec<JournalRow>,
    /// The model it asks.
    pub model: ResolvedModel,
    /// Put in front of the system prompt.
    pub system_prompt: Option<String>,
    /// Whether calls run without asking.
    pub auto_execute: bool,
    /// Model turns at most; `None`: the server's limit.
    pub max_turns: Option<i64>,
    /// Where its tools act.
    pub session: Arc<ToolSession>,
    /// Told to stop by it.
    pub stop: Stop,
}

/// How a worker is done with a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The run's outcome is journalled.
    Finished,
    /// The run waits for a person.
    Parked,
    /// The run was told to stop. What was said of an open turn is journalled where the stop is
    /// final; its open calls are not closed.
    Stopped(StopReason),
}

/// Carries a run on from its journal until it finishes, waits or must stop.
///
/// # Errors
/// When the journal can no longer be written.
pub async fn run(
    agent: &Agent,
    input: &RunInput,
    journal: &mut dyn Journal,
) -> Result<Exit, AgentError> {
    let state = State::new(input.run, input.session_id, &input.rows);
    let told = notices_of(input.session_id, &input.rows);
    let input = &WorkerInput::new(agent, input);
    let mut worker = Worker {
        input,
        journal,
        state,
        told,
    };
    worker.run().await
}

fn over_quota() -> RunOutcome {
    RunOutcome::Failed {
        code: RunErrorCode::QuotaExceeded,
        message: "The organization's quota for this month is used up".to_owned(),
    }
}

/// What the watchers of a session were told so far.
fn notices_of(session_id: SessionId, rows: &[JournalRow]) -> HashSet<String> {
    let mut told = HashSet::new();
    let mut within = false;
    for row in rows {
        if let JournalEvent::RunStarted(started) = &row.event {
            within = started.session_id == session_id;
        } else if let JournalEvent::Notice { message, .. } = &row.event
            && within
        {
            told.insert(message.clone());
        }
    }
    told
}

/// [`Agent`] and [`RunInput`] in one.
pub(crate) struct WorkerInput<'a> {
    pub(crate) tools: &'a Toolbox,
    pub(crate) config: &'a AgentConfig,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) random: &'a dyn Random,
    pub(crate) model: &'a ResolvedModel,
    pub(crate) session: &'a ToolSession,
    pub(crate) stop: &'a Stop,
    pub(crate) metrics: &'a AgentMetrics,
    system: String,
    auto_execute: bool,
    max_turns: i64,
}

impl<'a> WorkerInput<'a> {
    fn new(agent: &'a Agent, input: &'a RunInput) -> Self {
        Self {
            tools: &agent.tools,
            config: &agent.config,
            clock: &*agent.clock,
            random: &*agent.random,
            model: &input.model,
            session: &input.session,
            stop: &input.stop,
            metrics: &agent.metrics,
            system: system_prompt(input.system_prompt.as_deref()),
            auto_execute: input.auto_execute,
            max_turns: input.max_turns.unwrap_or(agent.config.max_turns),
        }
    }
}

/// One run in the hands of one worker.
pub(crate) struct Worker<'a> {
    pub(crate) input: &'a WorkerInput<'a>,
    pub(crate) journal: &'a mut dyn Journal,
    pub(crate) state: State,
    /// Notices that the session has had.
    told: HashSet<String>,
}

impl Worker<'_> {
    async fn run(&mut self) -> Result<Exit, AgentError> {
        loop {
            if let Some(reason) = self.input.stop.reason() {
                self.flush().await?;
                return Ok(Exit::Stopped(reason));
            }
            let stopped = match self.next_step() {
                Step::AskModel => {
                    self.flush().await?;
                    match self.journal.budget().await? {
                        Budget::Left => self.ask_model().await?,
                        Budget::Spent => {
                            self.stage(JournalEvent::RunFinished(over_quota()));
                            None
                        }
                    }
                }
                Step::Run(calls) => self.run_calls(calls).await?,
                Step::Park => {
                    if self.state.has_staged() {
                        // The flush may bring a decision that came meanwhile: look again.
                        self.flush().await?;
                        continue;
                    }
                    match self.journal.park().await? {
                        Parking::Parked => return Ok(Exit::Parked),
                        Parking::Moved(rows) => self.state.apply_rows(&rows),
                    }
                    None
                }
                Step::Over => {
                    self.flush().await?;
                    return Ok(Exit::Finished);
                }
                step
                @ (Step::Wait(_) | Step::Refuse { .. } | Step::GiveUp(_) | Step::Finish(_)) => {
                    self.stage_step(step);
                    None
                }
            };
            if let Some(reason) = stopped {
                self.flush().await?;
                return Ok(Exit::Stopped(reason));
            }
        }
    }

    /// Stages what a step decides without doing anything.
    fn stage_step(&mut self, step: Step) {
        match step {
            Step::Wait(calls) => {
                for call_id in calls {
                    self.stage(JournalEvent::ToolWaiting { call_id });
                }
            }
            Step::Refuse {
                call_id,
                status,
                reason,
            } => {
                self.announce(&call_id);
                self.stage_result(call_id, status, reason);
            }
            Step::GiveUp(call_id) => {
                self.stage_result(call_id, ToolStatus::Error, OUTCOME_UNKNOWN.to_owned());
            }
            Step::Finish(outcome) => self.stage(JournalEvent::RunFinished(outcome)),
            Step::AskModel | Step::Run(_) | Step::Park | Step::Over => {}
        }
    }

    fn stage_result(&mut self, call_id: CallId, status: ToolStatus, output: String) {
        let error = (status == ToolStatus::Error).then(|| output.clone());
        self.stage(JournalEvent::ToolFinished(ToolFinished {
            call_id,
            status,
            output,
            error,
        }));
    }

    fn next_step(&self) -> Step {
        next_step(&StepInput {
            run: self.state.run(),
            memory: self.state.memory(),
            tools: self.input.tools,
            auto_execute: self.input.auto_execute,
            max_turns: self.input.max_turns,
        })
    }

    /// The next request, from the journal alone.
    pub(crate) fn request(&self) -> TurnRequest {
        let runs = self.state.runs();
        TurnRequest {
            model: self.input.model.model.clone(),
            system: with_facts(&self.input.system, &facts_of(runs.iter().copied())),
            messages: messages_of(runs),
            tools: self.input.tools.specs(),
            max_output_tokens: None,
            temperature: None,
        }
    }

    /// Stages a fact; before the result of a call and before the end of the run, the connections
    /// that have ended.
    pub(crate) fn stage(&mut self, event: JournalEvent) {
        let now = self.input.clock.now();
        if matches!(
            event,
            JournalEvent::ToolFinished(_) | JournalEvent::RunFinished(_)
        ) {
            for message in self.input.session.take_shortfalls() {
                if self.told.insert(message.clone()) {
                    let status = NoticeStatus::Processing;
                    let notice = JournalEvent::Notice { status, message };
                    self.state.stage(notice, now);
                }
            }
            for receipt in self.input.session.take_egress() {
                self.state.stage(JournalEvent::Egress(receipt), now);
            }
        }
        self.state.stage(event, now);
    }

    /// Writes what was staged, and takes in what others wrote.
    pub(crate) async fn flush(&mut self) -> Result<(), AgentError> {
        let staged = self.state.take_staged();
        if !staged.is_empty() {
            let rows = self.journal.append(staged).await?;
            self.state.apply_rows(&rows);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
