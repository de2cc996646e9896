//! What of a conversation is summarized, and what is shown as it is. Pure.
//!
//! A cut is made between two turns only, so that a call and its answer are never parted; the last
//! message of the user and the last turn are never cut off.

use model::{CallFold, CallState, MODEL_OUTPUT_BYTES, RunFold, RunNumber};

use super::size::message_bytes;
use crate::context::{View, opening, push_turn, turns_of};

/// Bytes that are shown of an output at least.
const LEAST_OUTPUT_BYTES: usize = 512;

/// What is to be summarized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// The first run of which something is shown.
    pub(super) from_run: RunNumber,
    /// Its turns that are summarized.
    pub(super) through_turn: i64,
    /// Bytes that are shown of each output so far, where that is less than now.
    pub(super) output_bytes: Option<usize>,
    /// Bytes that are no longer shown.
    pub(super) freed_bytes: usize,
}

/// A place where the conversation can be cut: everything up to that turn goes.
#[derive(Debug, Clone, Copy)]
struct Cut {
    run: RunNumber,
    through_turn: i64,
    /// Bytes of what stays.
    kept_bytes: usize,
}

/// The cut that leaves at most `keep_bytes`, as much as can be, or as little as can be. Absent when
/// nothing would be gained.
pub(super) fn plan(runs: &[&RunFold], keep_bytes: usize) -> Option<Plan> {
    let view = View::of(runs.iter().copied());
    let cuts = cuts(runs, &view);
    let all_bytes = cuts.last()?.kept_bytes;
    let latest = cuts.first()?;
    let fitting = cuts.iter().take_while(|cut| cut.kept_bytes <= keep_bytes);
    let cut = fitting.last().unwrap_or(latest);
    let limit = if cut.kept_bytes > keep_bytes {
        output_limit(runs, &view, cut, keep_bytes)
    } else {
        None
    };
    let saved = limit.map_or(0, |limit| saved_by(runs, &view, cut, limit));
    let freed_bytes = all_bytes - cut.kept_bytes + saved;
    // What was shown in part before stays so as long as it is shown at all.
    let known = view.row().and_then(|row| row.output_bytes);
    let known = known.and_then(|bytes| usize::try_from(bytes).ok());
    (freed_bytes > 0).then_some(Plan {
        from_run: cut.run,
        through_turn: cut.through_turn,
        output_bytes: limit.into_iter().chain(known).min(),
        freed_bytes,
    })
}

/// Every place for a cut, the latest first; the last cuts nothing off that is shown now.
fn cuts(runs: &[&RunFold], view: &View<'_>) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let mut later_bytes = 0;
    for run in runs.iter().rev().filter(|run| view.shows_run(run.run())) {
        let opening = opening(run, &View::default());
        let opening_bytes = opening.as_ref().map_or(0, message_bytes);
        let turns: Vec<(i64, usize)> = turns_of(run)
            .filter(|(turn, _)| view.shows_turn(run.run(), turn.turn))
            .map(|(turn, calls)| {
                let limit = view.output_bytes(run.run(), turn.turn);
                let mut messages = Vec::new();
                push_turn(&mut messages, turn, turn.finish, calls, limit);
                (turn.turn, messages.iter().map(message_bytes).sum())
            })
            .collect();
        let is_last = cuts.is_empty();
        for (at, (turn, bytes)) in turns.iter().enumerate().rev() {
            // The last turn of all is not cut off.
            let cuts_last = is_last && at + 1 == turns.len();
            if !cuts_last {
                cuts.push(Cut {
                    run: run.run(),
                    through_turn: *turn,
                    kept_bytes: later_bytes + opening_bytes,
                });
            }
            later_bytes += bytes;
        }
        later_bytes += opening_bytes;
        let first = turns.first().map_or(0, |(turn, _)| turn - 1);
        cuts.push(Cut {
            run: run.run(),
            through_turn: first,
            kept_bytes: later_bytes,
        });
    }
    cuts
}

/// The calls that stay, with what is shown of each of their outputs now.
fn kept<'a>(
    runs: &[&'a RunFold],
    view: &View<'_>,
    cut: &Cut,
) -> impl Iterator<Item = (&'a CallFold, usize)> {
    let turns = runs.iter().flat_map(|run| {
        let of_run = move |(turn, calls)| (run.run(), turn, calls);
        turns_of(run).map(of_run)
    });
    let (from, view) = ((cut.run, cut.through_turn), *view);
    turns
        .filter(move |(run, turn, _): &(RunNumber, &model::ModelTurn, _)| (*run, turn.turn) > from)
        .flat_map(move |(run, turn, calls)| {
            let limit = view.output_bytes(run, turn.turn);
            calls.map(move |call| (call, limit))
        })
}

fn output_len(call: &CallFold) -> usize {
    match &call.state {
        CallState::Finished(finished) => finished.output.len(),
        CallState::Proposed
        | CallState::Waiting
        | CallState::Decided { .. }
        | CallState::Started => 0,
    }
}

/// How much of each output may be shown so that what stays has `keep_bytes`; absent when the outputs
/// are not what is large.
fn output_limit(runs: &[&RunFold], view: &View<'_>, cut: &Cut, keep_bytes: usize) -> Option<usize> {
    let shown = kept(runs, view, cut).map(|(call, limit)| output_len(call).min(limit));
    let shown: Vec<usize> = shown.filter(|bytes| *bytes > 0).collect();
    let outputs: usize = shown.iter().sum();
    let others = cut.kept_bytes.saturating_sub(outputs);
    let share = keep_bytes.saturating_sub(others) / shown.len().max(1);
    let limit = share.clamp(LEAST_OUTPUT_BYTES, MODEL_OUTPUT_BYTES);
    shown.iter().any(|bytes| *bytes > limit).then_some(limit)
}

fn saved_by(runs: &[&RunFold], view: &View<'_>, cut: &Cut, limit: usize) -> usize {
    let saved =
        kept(runs, view, cut).map(|(call, now)| output_len(call).min(now).saturating_sub(limit));
    saved.sum()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
