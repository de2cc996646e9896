//! One leased run, from its claim to its end, its parking or its loss.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use agent::{
    AgentError, Exit, JournalError, RunInput, Stop, StopHandle, StopReason, closing_events,
    stop_pair,
};
use futures_util::FutureExt;
use llm::ResolvedModel;
use model::{
    ConversationId, JournalEvent, JournalRow, NoticeStatus, RunErrorCode, RunNumber, RunOutcome,
    RunStarted, Task, TaskStatus,
};
use store::{Append, ClaimedRun, Fence, RunChange, TaskPatch};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::end_user::OpenedVariables;
use crate::journal::{JournalStart, Running, TaskJournal};
use crate::live::News;
use crate::service::{ActiveRun, Inner, Slot};
use crate::sessions::{Entered, Leaving};

/// Attempts in a row after which a run that no worker survives is given up.
const MAX_ATTEMPTS: usize = 20;

/// Told of a run whose journal this version cannot read.
const UNREADABLE: &str = "Interrupted: the stored journal cannot be read";
/// Told of a run whose end user's variables do not open.
const SEALED: &str = "Interrupted: the end user's stored variables cannot be opened";

/// See [`Inner::read_run`].
type Kept = (Vec<JournalRow>, Option<OpenedVariables>);

/// How an attempt ended.
enum End {
    /// The run is over.
    Over,
    /// It waits for a person.
    Waits,
    /// Another worker goes on.
    Elsewhere,
}

impl Inner {
    /// Runs a claimed run in the background; `slot` is free again when it is let go of.
    pub(crate) fn start(self: &Arc<Self>, claimed: ClaimedRun, slot: Slot) {
        let inner = Arc::clone(self);
        self.runs.spawn(async move {
            inner.execute(claimed).await;
            drop(slot);
        });
    }

    #[tracing::instrument(name = "run", skip_all, fields(task = %claimed.task.id, run = claimed.run.0, attempt = claimed.attempt))]
    async fn execute(self: Arc<Self>, claimed: ClaimedRun) {
        let (handle, stop) = stop_pair();
        let handle = Arc::new(handle);
        let running = Running {
            before_ms: claimed.running_ms,
            since: self.now(),
        };
        let (task_id, run) = (claimed.task.id, claimed.run);
        let (_active, predecessor) = self.activate(
            task_id,
            ActiveRun {
                run,
                attempt: claimed.attempt,
                running,
                stop: Arc::clone(&handle),
                gone: CancellationToken::new(),
            },
        );
        if claimed.cancel_requested {
            handle.stop(StopReason::Cancel);
        }
        if self.slots.is_closed() {
            // The server told its runs to stop before it could see this one.
            handle.stop(StopReason::HandOver);
        }
        if let Some(predecessor) = predecessor {
            // It has lost its run, or is ending its session. What it left running must be gone
            // before this attempt enters the same workspace.
            predecessor.stop.stop(StopReason::Lost);
            predecessor.gone.cancelled().await;
        }
        let attempt = AssertUnwindSafe(self.attempt(claimed, running, &handle, stop));
        match end_of(attempt.catch_unwind().await) {
            End::Over => {
                self.sessions
                    .leave(task_id, run, Leaving::Idle(self.now()))
                    .await;
            }
            End::Waits => self.sessions.leave(task_id, run, Leaving::Open).await,
            End::Elsewhere => {
                // What this attempt left running must not meet the next one.
                self.sessions.kill(task_id).await;
                self.live.tell(task_id, News::WorkerLost);
            }
        }
    }

    async fn attempt(
        self: &Arc<Self>,
        claimed: ClaimedRun,
        running: Running,
        handle: &Arc<StopHandle>,
        stop: Stop,
    ) -> Result<End, JournalError> {
        let task = &claimed.task;
        self.take_handover(&claimed).await;
        let (mut rows, end_user) = match self.read_run(task).await? {
            Ok(read) => read,
            Err(message) => return self.give_up(&claimed, message).await,
        };
        let now = self.now();
        let mut entered = self
            .sessions
            .enter(task, claimed.run, &rows, end_user.as_ref(), now);
        if let Some(replaced) = entered.replaced.take() {
            replaced.close().await;
        }
        let mut journal = TaskJournal::new(JournalStart {
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            topic: self.live.topic(task.id),
            metrics: self.metrics.clone(),
            organization_id: task.organization_id,
            task_id: task.id,
            run: claimed.run,
            rows: &rows,
            message_count: task.message_count,
            fence: Fence {
                worker: self.worker,
                attempt: claimed.attempt,
            },
            running,
        });
        if stop.reason() == Some(StopReason::Cancel) {
            return self
                .end_stopped(&mut journal, task, &entered, StopReason::Cancel)
                .await;
        }
        if let Some((code, message)) = refusal(claimed.run, &rows, &entered) {
            return self.fail(&mut journal, code, message).await;
        }
        let model = match self.model_of(task, journal.fold().started()) {
            Ok(model) => model,
            Err(message) => {
                return self
                    .fail(&mut journal, RunErrorCode::ModelError, message)
                    .await;
            }
        };
        self.begin(&mut journal, &claimed, &entered, &model, &mut rows)
            .await?;
        let input = self.input(&claimed, &entered, model, rows, stop);
        let limit = self.time_limit(task, running);
        match self.work(&input, &mut journal, handle, limit).await {
            Ok(Exit::Finished) => Ok(End::Over),
            Ok(Exit::Parked) => Ok(End::Waits),
            Ok(Exit::Stopped(reason)) => {
                self.end_stopped(&mut journal, task, &entered, reason).await
            }
            Err(AgentError::Journal(error)) => Err(error),
        }
    }

    /// What is kept of a run: its task's journal, and its end user's variables. The inner error
    /// says why no attempt can ever read it.
    async fn read_run(&self, task: &Task) -> Result<Result<Kept, &'static str>, JournalError> {
        let failed = |error| Err(JournalError::Store(Box::new(error)));
        let rows = match self.store.unscoped_list_rows(task.id, model::Seq(0)).await {
            Ok(rows) => rows,
            Err(error @ store::Error::Corrupt { .. }) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a journal is damaged"
                );
                return Ok(Err(UNREADABLE));
            }
            Err(error) => return failed(error),
        };
        match self.end_user_variables(task.end_user_id).await {
            Ok(end_user) => Ok(Ok((rows, end_user))),
            Err(Error::Store(error)) => failed(error),
            Err(_) => Ok(Err(SEALED)),
        }
    }

    /// Lets the agent work, until it is done or has used up its time.
    async fn work(
        &self,
        input: &RunInput,
        journal: &mut TaskJournal,
        handle: &StopHandle,
        limit: Duration,
    ) -> Result<Exit, AgentError> {
        let work = agent::run(&self.agent, input, journal);
        tokio::pin!(work);
        tokio::select! {
            exit = &mut work => exit,
            () = tokio::time::sleep(limit) => {
                handle.stop(StopReason::TimeLimit);
                work.await
            }
        }
    }

    /// Journals that this attempt begins; `rows` then hold that too.
    async fn begin(
        &self,
        journal: &mut TaskJournal,
        claimed: &ClaimedRun,
        entered: &Entered,
        model: &ResolvedModel,
        rows: &mut Vec<JournalRow>,
    ) -> Result<(), JournalError> {
        let task = &claimed.task;
        let now = self.now();
        let conversation_id = task
            .conversation_id
            .clone()
            .unwrap_or_else(|| ConversationId::generate(now, &*self.random));
        let first = journal.fold().started().is_none();
        let mut events = Vec::new();
        if first {
            events.push(JournalEvent::RunStarted(RunStarted {
                session_id: entered.session_id,
                conversation_id: conversation_id.clone(),
                model: model.full_name.clone(),
                secret_names: entered.secret_names.clone(),
            }));
            if entered.secret_names.is_empty() && !task.secret_names.is_empty() {
                events.push(JournalEvent::Notice {
                    status: NoticeStatus::Processing,
                    message: format!(
                        "The session that held {} has ended; send them again if they are needed",
                        task.secret_names.join(", ")
                    ),
                });
            }
        } else {
            self.forget_preview(task.id).await;
            events.push(JournalEvent::RunResumed {
                attempt: claimed.attempt,
            });
        }
        // A follow-up's clock starts when it is accepted, the first run's when it starts.
        let starts_clock = first && claimed.run == RunNumber::FIRST;
        let patch = |patch: TaskPatch| TaskPatch {
            session_id: Some(entered.session_id),
            conversation_id: Some(conversation_id.clone()),
            started_at: starts_clock.then_some(now),
            ..patch
        };
        rows.extend(journal.append_with(events, patch, None).await?);
        Ok(())
    }

    fn input(
        &self,
        claimed: &ClaimedRun,
        entered: &Entered,
        model: ResolvedModel,
        rows: Vec<JournalRow>,
        stop: Stop,
    ) -> RunInput {
        let task = &claimed.task;
        RunInput {
            run: claimed.run,
            session_id: entered.session_id,
            rows,
            model,
            system_prompt: task.system_prompt.clone(),
            auto_execute: task.auto_execute,
            max_turns: task.max_turns,
            session: Arc::clone(&entered.tools),
            stop,
        }
    }

    fn model_of(&self, task: &Task, started: Option<&RunStarted>) -> Result<ResolvedModel, String> {
        let name = started
            .map(|started| started.model.as_str())
            .or(task.model.as_deref());
        self.models.resolve(name).map_err(|error| error.to_string())
    }

    fn time_limit(&self, task: &Task, running: Running) -> Duration {
        let left = task.timeout_ms.unwrap_or(self.config.task_timeout_ms) - running.before_ms;
        Duration::from_millis(u64::try_from(left).unwrap_or(0))
    }

    /// Ends an attempt that was told to stop.
    async fn end_stopped(
        &self,
        journal: &mut TaskJournal,
        task: &Task,
        entered: &Entered,
        reason: StopReason,
    ) -> Result<End, JournalError> {
        let connections = || {
            let receipts = entered.tools.take_egress().into_iter();
            receipts.map(JournalEvent::Egress)
        };
        let outcome = match reason {
            StopReason::Cancel => RunOutcome::Cancelled,
            StopReason::TimeLimit => RunOutcome::Failed {
                code: RunErrorCode::TimeLimit,
                message: format!(
                    "The task ran longer than its limit of {} ms",
                    task.timeout_ms.unwrap_or(self.config.task_timeout_ms)
                ),
            },
            StopReason::HandOver => {
                self.sessions.kill(task.id).await;
                journal.hand_over(connections().collect()).await?;
                return Ok(End::Elsewhere);
            }
            StopReason::Lost => return Ok(End::Elsewhere),
        };
        // The proof comes first: no process of the task is left.
        self.sessions.kill(task.id).await;
        let closing = closing_events(journal.fold(), outcome);
        let events = connections().chain(closing).collect();
        journal.append_with(events, |patch| patch, None).await?;
        Ok(End::Over)
    }

    /// Ends a run that no attempt would get any further with.
    async fn give_up(&self, claimed: &ClaimedRun, message: &str) -> Result<End, JournalError> {
        tracing::error!(message, "the run is given up");
        let outcome = RunOutcome::Failed {
            code: RunErrorCode::Interrupted,
            message: message.to_owned(),
        };
        let at = self.now();
        let append = Append {
            task_id: claimed.task.id,
            run: claimed.run,
            expected_seq: claimed.task.last_seq,
            fence: Some(Fence {
                worker: self.worker,
                attempt: claimed.attempt,
            }),
            at,
            events: vec![JournalEvent::RunFinished(outcome.clone())],
            task: TaskPatch {
                status: Some(TaskStatus::Failed),
                error: Some(Some(message.to_owned())),
                completed_at: Some(Some(at)),
                ..TaskPatch::default()
            },
            run_change: RunChange::End,
            running_ms: None,
            meter: None,
            idempotency: None,
            handover: None,
        };
        let written = self.store.append(append).await;
        written.map_err(|error| JournalError::Store(Box::new(error)))?;
        self.metrics.ended(&outcome);
        self.poke(claimed.task.id);
        Ok(End::Over)
    }

    async fn fail(
        &self,
        journal: &mut TaskJournal,
        code: RunErrorCode,
        message: String,
    ) -> Result<End, JournalError> {
        let events = closing_events(journal.fold(), RunOutcome::Failed { code, message });
        journal.append_with(events, |patch| patch, None).await?;
        Ok(End::Over)
    }
}

/// How an attempt ended: what it answered, or that it panicked.
fn end_of(attempt: std::thread::Result<Result<End, JournalError>>) -> End {
    match attempt {
        Ok(Ok(end)) => return end,
        Ok(Err(JournalError::Lost)) => {
            tracing::warn!("the run was taken over by another worker");
        }
        Ok(Err(JournalError::Store(error))) => tracing::error!(
            error = &*error as &dyn std::error::Error,
            "the run's journal failed"
        ),
        // The lease runs out and another attempt goes on from the journal.
        Err(_) => tracing::error!("a worker panicked"),
    }
    End::Elsewhere
}

/// Attempts of a run that were cut off since it last got on. Waiting for a person cuts nothing
/// off: a run may wait any number of times.
fn fruitless_attempts(run: RunNumber, rows: &[JournalRow]) -> usize {
    let latest = rows.iter().rev().take_while(|row| row.run == run);
    let stands_still = |row: &&JournalRow| match &row.event {
        JournalEvent::RunResumed { .. }
        | JournalEvent::Notice { .. }
        | JournalEvent::ToolStarted { .. }
        | JournalEvent::Egress(_) => true,
        JournalEvent::UserMessage(_)
        | JournalEvent::RunStarted(_)
        | JournalEvent::ModelTurn(_)
        | JournalEvent::ToolWaiting { .. }
        | JournalEvent::ToolDecided(_)
        | JournalEvent::ToolFinished(_)
        | JournalEvent::RunFinished(_)
        | JournalEvent::Compacted(_) => false,
    };
    latest
        .take_while(stands_still)
        .filter(|row| matches!(row.event, JournalEvent::RunResumed { .. }))
        .count()
}

/// Why a run cannot go on at all.
fn refusal(
    run: RunNumber,
    rows: &[JournalRow],
    entered: &Entered,
) -> Option<(RunErrorCode, String)> {
    if entered.lost_secrets {
        let message = "Interrupted by server restart: the task's secrets were held in memory only";
        return Some((RunErrorCode::Interrupted, message.to_owned()));
    }
    (fruitless_attempts(run, rows) >= MAX_ATTEMPTS).then(|| {
        let message =
            format!("Interrupted by server restart: {MAX_ATTEMPTS} attempts were cut off");
        (RunErrorCode::Interrupted, message)
    })
}
