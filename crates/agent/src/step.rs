//! What a run does next: a pure function of its folded journal.

use model::{
    ApprovalOutcome, CallFold, CallId, CallState, Effect, FinishReason, ModelTurn, PolicyDecision,
    RunErrorCode, RunFold, RunOutcome, ToolStatus,
};

use serde_json::Value;

use crate::{ApprovalMemory, Toolbox};

/// Rounds of calls in a row with equal arguments and equal answers after which a run is taken to
/// be going in circles.
const REPEATED_ROUNDS: usize = 25;
/// Turns in a row that a provider may cut before the run fails.
const CUTS_IN_A_ROW: usize = 5;

/// What [`next_step`] looks at.
#[derive(Debug)]
pub(crate) struct StepInput<'a> {
    /// The run so far.
    pub(crate) run: &'a RunFold,
    /// What was always-approved in the session.
    pub(crate) memory: &'a ApprovalMemory,
    /// The tools that exist.
    pub(crate) tools: &'a Toolbox,
    /// Whether calls run without asking.
    pub(crate) auto_execute: bool,
    /// Model turns at most.
    pub(crate) max_turns: i64,
}

/// What a run does next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// Ask the model.
    AskModel,
    /// These proposed calls wait for a person from now on.
    Wait(Vec<CallId>),
    /// This call is refused.
    Refuse {
        /// Which.
        call_id: CallId,
        /// `error` for a policy, `cancelled` for a person.
        status: ToolStatus,
        /// Told to the model.
        reason: String,
    },
    /// This call was running when its worker was lost, and what it did is unknown.
    GiveUp(CallId),
    /// Run these calls at once.
    Run(Vec<CallId>),
    /// Nothing can be done before a person decides.
    Park,
    /// The run is over.
    Finish(RunOutcome),
    /// The run was over already.
    Over,
}

/// Decides what comes next. Asked when this worker has no call in hand: one that is started was
/// cut off.
pub(crate) fn next_step(input: &StepInput<'_>) -> Step {
    let run = input.run;
    if run.outcome().is_some() {
        return Step::Over;
    }
    let open: Vec<&CallFold> = run
        .calls()
        .iter()
        .filter(|call| !matches!(call.state, CallState::Finished(_)))
        .collect();
    if !open.is_empty() {
        return step_of_calls(input, &open);
    }
    match run.last_finish() {
        None | Some(FinishReason::ToolCalls) => ask(input),
        // A turn that ends with calls asks for their answers, whatever the provider called it.
        Some(_) if last_turn_called(run) => ask(input),
        Some(FinishReason::Cut | FinishReason::Length) if cuts(run) < CUTS_IN_A_ROW => ask(input),
        Some(FinishReason::Cut) => fail(
            RunErrorCode::ModelError,
            format!("The model's answer was cut off {CUTS_IN_A_ROW} times in a row"),
        ),
        Some(FinishReason::Length | FinishReason::Stop | FinishReason::Refusal) => {
            Step::Finish(RunOutcome::Completed)
        }
    }
}

fn ask(input: &StepInput<'_>) -> Step {
    let turns = i64::try_from(input.run.turns().len()).unwrap_or(i64::MAX);
    if turns >= input.max_turns {
        return fail(
            RunErrorCode::TurnLimit,
            format!(
                "The task reached its limit of {} model turns",
                input.max_turns
            ),
        );
    }
    if goes_in_circles(input.run) {
        return fail(
            RunErrorCode::TurnLimit,
            format!("The model repeated the same tool calls {REPEATED_ROUNDS} times in a row"),
        );
    }
    Step::AskModel
}

fn step_of_calls(input: &StepInput<'_>, open: &[&CallFold]) -> Step {
    let mut asks = Vec::new();
    let mut runnable: Vec<(&CallFold, Effect)> = Vec::new();
    for call in open {
        let effect = input.tools.effect(&call.name, call.args());
        match &call.state {
            CallState::Proposed => match decide(input, call) {
                PolicyDecision::Ask => asks.push(call.call_id.clone()),
                PolicyDecision::Deny { reason } => {
                    return refuse(call, ToolStatus::Error, reason);
                }
                PolicyDecision::Allow => runnable.push((call, effect)),
            },
            CallState::Decided {
                outcome: ApprovalOutcome::Cancel,
                reason,
                ..
            } => {
                let reason = crate::rejection_output(reason.as_deref());
                return refuse(call, ToolStatus::Cancelled, reason);
            }
            CallState::Decided { .. } => runnable.push((call, effect)),
            CallState::Started => match effect {
                Effect::Read | Effect::Idempotent => runnable.push((call, effect)),
                Effect::Write => return Step::GiveUp(call.call_id.clone()),
            },
            CallState::Waiting | CallState::Finished(_) => {}
        }
    }
    if !asks.is_empty() {
        return Step::Wait(asks);
    }
    match runnable.split_first() {
        None => Step::Park,
        Some(((first, Effect::Idempotent | Effect::Write), _)) => {
            Step::Run(vec![first.call_id.clone()])
        }
        Some(((_, Effect::Read), _)) => Step::Run(
            runnable
                .iter()
                .take_while(|(_, effect)| *effect == Effect::Read)
                .map(|(call, _)| call.call_id.clone())
                .collect(),
        ),
    }
}

/// Whether a proposed call runs, waits or is refused.
fn decide(input: &StepInput<'_>, call: &CallFold) -> PolicyDecision {
    if !input.tools.offers(&call.name) {
        // Answered with an error by the toolbox; there is nothing a person could decide.
        return PolicyDecision::Allow;
    }
    if input.tools.asks_person(&call.name) {
        return PolicyDecision::Ask;
    }
    if input.auto_execute || input.memory.covers(&call.name, call.args()) {
        PolicyDecision::Allow
    } else {
        PolicyDecision::Ask
    }
}

fn last_turn_called(run: &RunFold) -> bool {
    run.turns()
        .last()
        .is_some_and(|turn| !turn.tool_calls.is_empty())
}

fn cuts(run: &RunFold) -> usize {
    let cut = |finish: FinishReason| matches!(finish, FinishReason::Cut | FinishReason::Length);
    run.turns()
        .iter()
        .rev()
        .take_while(|turn| cut(turn.finish) && turn.tool_calls.is_empty())
        .count()
}

fn goes_in_circles(run: &RunFold) -> bool {
    let mut rounds = run
        .turns()
        .iter()
        .rev()
        .take(REPEATED_ROUNDS)
        .map(|turn| round_of(run, turn));
    let Some(first) = rounds.next() else {
        return false;
    };
    let same = rounds.filter(|round| *round == first).count() + 1;
    !first.is_empty() && same == REPEATED_ROUNDS
}

/// What a turn called and what it got.
fn round_of<'a>(run: &'a RunFold, turn: &ModelTurn) -> Vec<(&'a str, &'a Value, &'a str)> {
    let calls = turn
        .tool_calls
        .iter()
        .filter_map(|call| run.call(&call.call_id));
    calls
        .map(|call| {
            let output = match &call.state {
                CallState::Finished(finished) => finished.output.as_str(),
                CallState::Proposed
                | CallState::Waiting
                | CallState::Decided { .. }
                | CallState::Started => "",
            };
            (call.name.as_str(), call.args(), output)
        })
        .collect()
}

fn refuse(call: &CallFold, status: ToolStatus, reason: String) -> Step {
    Step::Refuse {
        call_id: call.call_id.clone(),
        status,
        reason,
    }
}

fn fail(code: RunErrorCode, message: String) -> Step {
    Step::Finish(RunOutcome::Failed { code, message })
}
