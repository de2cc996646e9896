//! One turn of the model: asked, shown as it comes, journalled as a whole.

use std::ops::ControlFlow;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use llm::{ModelError, ProposedCall, TurnEvent, TurnRequest};
use model::{
    CallId, FinishReason, JournalEvent, ModelTurn, NoticeStatus, RunErrorCode, RunOutcome,
    ToolCall, Usage,
};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::assembler::{Assembled, Assembler};
use crate::compaction::{Cause, Compaction};
use crate::mask::{mask_error, unless_masked};
use crate::run::Worker;
use crate::{AgentError, Mask, StopReason, mask_value};

/// How long a piece of text may be held back to be merged with what follows.
const HOLD_BACK: Duration = Duration::from_millis(50);

/// How a request for a turn ended.
enum Asked {
    /// With a whole turn, or with one that was cut after it had said something.
    Turn {
        turn: Assembled,
        finish: FinishReason,
        usage: Usage,
        provider_state: Value,
    },
    /// With an error before anything was said.
    Failed(ModelError),
    /// The run must stop; what was shown of the turn, if it said anything.
    Stopped(StopReason, Option<Assembled>),
}

impl Worker<'_> {
    /// Asks for turns until one can be journalled, and stages it: makes the conversation fit first,
    /// retries as the policy says, asks once more after an empty answer.
    pub(crate) async fn ask_model(&mut self) -> Result<Option<StopReason>, AgentError> {
        let mut request = self.request();
        match self.compact(&request, Cause::Full).await? {
            Compaction::Done => request = self.request(),
            Compaction::NotNeeded => {}
            Compaction::Stopped(reason) => return Ok(Some(reason)),
        }
        let mut failures = 0;
        let mut empty_answers = 0;
        let mut overflowed = false;
        loop {
            let started = Instant::now();
            let asked = self.ask_once(request.clone()).await;
            self.count(&asked, started.elapsed());
            match asked {
                Asked::Turn {
                    turn,
                    finish,
                    usage,
                    provider_state,
                } => {
                    let empty = turn.text.is_empty() && turn.calls.is_empty();
                    if !empty {
                        self.stage_turn(turn, finish, usage, provider_state);
                        return Ok(None);
                    }
                    empty_answers += 1;
                    if empty_answers > 1 {
                        self.stage_empty_answer();
                        return Ok(None);
                    }
                    self.notice_retry("The model gave an empty answer; asking again")
                        .await?;
                }
                Asked::Failed(ModelError::ContextOverflow) if !overflowed => {
                    overflowed = true;
                    match self.compact(&request, Cause::Overflow).await? {
                        Compaction::Done => request = self.request(),
                        Compaction::NotNeeded => {
                            self.stage_model_error(&ModelError::ContextOverflow);
                            return Ok(None);
                        }
                        Compaction::Stopped(reason) => return Ok(Some(reason)),
                    }
                }
                Asked::Failed(error) => {
                    failures += 1;
                    if let ControlFlow::Break(stop) = self.after_failure(failures, &error).await? {
                        return Ok(stop);
                    }
                }
                Asked::Stopped(reason, said) => {
                    self.stage_cut_off(reason, said);
                    return Ok(Some(reason));
                }
            }
        }
    }

    /// Waits for the next try, unless there is none or the run must stop.
    async fn after_failure(
        &mut self,
        failures: u32,
        error: &ModelError,
    ) -> Result<ControlFlow<Option<StopReason>>, AgentError> {
        let Some(delay) = self.retry_delay(failures, error) else {
            self.stage_model_error(error);
            return Ok(ControlFlow::Break(None));
        };
        self.notice_retry(&format!("{error}; trying again")).await?;
        Ok(match self.wait(delay).await {
            Some(reason) => ControlFlow::Break(Some(reason)),
            None => ControlFlow::Continue(()),
        })
    }

    /// Keeps what was shown of a turn when the run is stopped for good.
    fn stage_cut_off(&mut self, reason: StopReason, said: Option<Assembled>) {
        if let (Some(said), StopReason::Cancel | StopReason::TimeLimit) = (said, reason) {
            self.stage_turn(said, FinishReason::Cut, Usage::default(), Value::Null);
        }
    }

    fn count(&self, asked: &Asked, took: Duration) {
        let metrics = self.input.metrics;
        let model = &self.input.model.full_name;
        let outcome = match asked {
            Asked::Turn { finish, usage, .. } => {
                metrics.used(model, *usage);
                if *finish == FinishReason::Cut {
                    "cut"
                } else {
                    "answered"
                }
            }
            Asked::Failed(_) => "failed",
            Asked::Stopped(..) => "stopped",
        };
        metrics.asked(model, outcome, took);
    }

    pub(crate) fn retry_delay(&self, failures: u32, error: &ModelError) -> Option<Duration> {
        let delay = self
            .input
            .config
            .retry
            .next_delay_ms(failures, error, self.input.random);
        delay.map(Duration::from_millis)
    }

    fn stage_model_error(&mut self, error: &ModelError) {
        let mask = self.input.session.mask();
        tracing::warn!(error = mask_error(mask, error), "the model request failed");
        let message = mask.mask(&error.to_string());
        self.stage_failure(error.run_error_code(), message);
    }

    async fn ask_once(&mut self, request: TurnRequest) -> Asked {
        let input = self.input;
        let run = self.state.run();
        let number = i64::try_from(run.turns().len()).unwrap_or(i64::MAX) + 1;
        let before = run.last_finish().filter(|_| !run.text().is_empty());
        let mut turn = Assembler::new(run.run(), number, before, input.session.mask());
        let stream = input.model.provider.stream(request);
        let mut stream = input.metrics.time_first(&input.model.full_name, stream);
        let mut stop = input.stop.clone();
        let mut flush_at = pin!(sleep_until(Instant::now() + HOLD_BACK));
        let mut held = false;
        loop {
            let event = tokio::select! {
                biased;
                reason = stop.stopped() => {
                    let said = turn.has_text().then(|| turn.finish());
                    return Asked::Stopped(reason, said);
                }
                () = &mut flush_at, if held => {
                    held = false;
                    for delta in turn.take_deltas() {
                        self.journal.preview(delta);
                    }
                    continue;
                }
                event = stream.next() => event,
            };
            match event {
                Some(Ok(TurnEvent::Text(text))) => turn.push_text(&text),
                Some(Ok(TurnEvent::Thought(text))) => turn.push_thought(&text),
                Some(Ok(TurnEvent::ToolCall(call))) => turn.push_call(call),
                Some(Ok(TurnEvent::Finished {
                    finish,
                    usage,
                    provider_state,
                })) => {
                    return Asked::Turn {
                        turn: turn.finish(),
                        finish,
                        usage,
                        provider_state,
                    };
                }
                Some(Err(error)) => return failed(turn, error, input.session.mask()),
                None => {
                    return failed(turn, ModelError::Cut { source: None }, input.session.mask());
                }
            }
            if !held && turn.has_unshown() {
                held = true;
                flush_at.as_mut().reset(Instant::now() + HOLD_BACK);
            }
        }
    }

    fn stage_turn(&mut self, turn: Assembled, finish: FinishReason, usage: Usage, state: Value) {
        let number = i64::try_from(self.state.run().turns().len()).unwrap_or(i64::MAX) + 1;
        let mut tool_calls: Vec<ToolCall> = Vec::with_capacity(turn.calls.len());
        for call in turn.calls {
            let call = self.adopt(call, &tool_calls);
            tool_calls.push(call);
        }
        self.stage(JournalEvent::ModelTurn(ModelTurn {
            turn: number,
            text: turn.text,
            continues: turn.continues,
            thoughts: turn.thoughts,
            tool_calls,
            finish,
            usage,
            provider_state: unless_masked(self.input.session.mask(), state),
        }));
    }

    /// Gives a call an id that the task has not used before.
    fn adopt(&self, call: ProposedCall, siblings: &[ToolCall]) -> ToolCall {
        let used = |id: &CallId| {
            self.state.knows_call(id) || siblings.iter().any(|sibling| sibling.call_id == *id)
        };
        let usable = |id: &String| {
            !id.is_empty()
                && id.len() <= 128
                && id.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
        };
        let given = call
            .id
            .filter(usable)
            .map(CallId::new)
            .filter(|id| !used(id));
        let call_id = given.unwrap_or_else(|| {
            CallId::generate(&call.name, self.input.clock.now(), self.input.random)
        });
        let args = mask_value(self.input.session.mask(), &call.args);
        ToolCall {
            call_id,
            name: call.name,
            args,
        }
    }

    fn stage_empty_answer(&mut self) {
        // A run that has said something and then has nothing to add is done.
        if self.state.run().text().is_empty() {
            let message = "The model gave an empty answer twice".to_owned();
            self.stage_failure(RunErrorCode::ModelError, message);
        } else {
            self.stage(JournalEvent::RunFinished(RunOutcome::Completed));
        }
    }

    fn stage_failure(&mut self, code: RunErrorCode, message: String) {
        self.stage(JournalEvent::RunFinished(RunOutcome::Failed {
            code,
            message,
        }));
    }

    async fn notice_retry(&mut self, message: &str) -> Result<(), AgentError> {
        let message = self.input.session.mask().mask(message);
        self.stage(JournalEvent::Notice {
            status: NoticeStatus::Retrying,
            message,
        });
        self.flush().await
    }

    pub(crate) async fn wait(&self, delay: Duration) -> Option<StopReason> {
        let mut stop = self.input.stop.clone();
        tokio::select! {
            biased;
            reason = stop.stopped() => Some(reason),
            () = tokio::time::sleep(delay) => None,
        }
    }
}

/// A turn that failed after it said something is kept as a cut segment: what was shown is never
/// taken back. Its calls may be incomplete and are dropped.
fn failed(turn: Assembler<'_>, error: ModelError, mask: &dyn Mask) -> Asked {
    if !turn.has_text() {
        return Asked::Failed(error);
    }
    tracing::info!(
        error = mask_error(mask, &error),
        "the model's answer was cut"
    );
    let mut turn = turn.finish();
    turn.calls.clear();
    Asked::Turn {
        turn,
        finish: FinishReason::Cut,
        usage: Usage::default(),
        provider_state: Value::Null,
    }
}
