//! What the agent has noted for the rest of the task with `save_memory`: a fold of the journal, so
//! that it needs no table and outlives every session.

use std::collections::VecDeque;

use model::{CallFold, CallState, RunFold, ToolStatus};

use crate::tools::{SAVE_MEMORY, fact_of};

/// Facts that are kept; of more, the latest.
const MAX_FACTS: usize = 100;
/// Bytes of all facts that are kept; of more, the latest.
const MAX_BYTES: usize = 16 * 1024;

/// The facts saved in these runs, oldest first. One that was saved again counts as the later.
pub(crate) fn facts_of<'a>(runs: impl IntoIterator<Item = &'a RunFold>) -> Vec<String> {
    let mut facts: VecDeque<String> = VecDeque::new();
    let mut bytes = 0;
    for call in runs.into_iter().flat_map(RunFold::calls) {
        let Some(fact) = saved_by(call) else {
            continue;
        };
        if let Some(known) = facts.iter().position(|known| *known == fact) {
            facts.remove(known);
            bytes -= fact.len();
        }
        bytes += fact.len();
        facts.push_back(fact);
        while facts.len() > MAX_FACTS || bytes > MAX_BYTES {
            bytes -= facts.pop_front().map_or(bytes, |oldest| oldest.len());
        }
    }
    facts.into()
}

fn saved_by(call: &CallFold) -> Option<String> {
    let CallState::Finished(finished) = &call.state else {
        return None;
    };
    let saved = call.name == SAVE_MEMORY && finished.status == ToolStatus::Success;
    saved.then(|| fact_of(call.args()).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{
        CallId, FinishReason, JournalEvent, JournalRow, ModelTurn, RunNumber, Seq, Timestamp,
        ToolCall, ToolFinished, Usage,
    };
    use serde_json::{Value, json};

    /// A run of one call of each: its name, its arguments, how it ended.
    fn run(calls: &[(&str, Value, ToolStatus)]) -> RunFold {
        let id = |at: usize| CallId::new(format!("call-{at}"));
        let proposed = calls
            .iter()
            .enumerate()
            .map(|(at, (name, args, _))| ToolCall {
                call_id: id(at),
                name: (*name).to_owned(),
                args: args.clone(),
            });
        let turn = JournalEvent::ModelTurn(ModelTurn {
            turn: 1,
            text: String::new(),
            continues: false,
            thoughts: Vec::new(),
            tool_calls: proposed.collect(),
            finish: FinishReason::ToolCalls,
            usage: Usage::default(),
            provider_state: Value::Null,
        });
        let ends = calls.iter().enumerate().map(|(at, (_, _, status))| {
            JournalEvent::ToolFinished(ToolFinished {
                call_id: id(at),
                status: *status,
                output: String::new(),
                error: None,
            })
        });
        let mut fold = RunFold::new(RunNumber::FIRST);
        for event in std::iter::once(turn).chain(ends) {
            fold.apply(&JournalRow {
                seq: Seq(1),
                run: RunNumber::FIRST,
                at: Timestamp::from_millis(0),
                event,
            });
        }
        fold
    }

    fn saved(fact: &str) -> (&'static str, Value, ToolStatus) {
        (SAVE_MEMORY, json!({"fact": fact}), ToolStatus::Success)
    }

    #[test]
    fn successful_calls_count_each_fact_once_and_at_its_latest() {
        let first = run(&[
            saved("a"),
            saved(" b\n b "),
            (
                SAVE_MEMORY,
                json!({"fact": "refused"}),
                ToolStatus::Cancelled,
            ),
            ("write_file", json!({"fact": "other"}), ToolStatus::Success),
        ]);
        let second = run(&[saved("a")]);
        assert_eq!(facts_of([&first, &second]), ["b b", "a"]);
    }

    #[test]
    fn the_latest_facts_are_kept_within_the_bounds() {
        let texts: Vec<String> = (0..MAX_FACTS + 5).map(|at| format!("fact {at}")).collect();
        let many: Vec<_> = texts.iter().map(|text| saved(text)).collect();
        let facts = facts_of([&run(&many)]);
        assert_eq!(facts.len(), MAX_FACTS);
        assert_eq!(facts.first().unwrap(), "fact 5");
        let long: Vec<String> = (0..40)
            .map(|at| format!("{at:02}{}", "x".repeat(998)))
            .collect();
        let long: Vec<_> = long.iter().map(|text| saved(text)).collect();
        let facts = facts_of([&run(&long)]);
        assert_eq!(facts.len(), MAX_BYTES / 1_000);
        assert!(facts.last().unwrap().starts_with("39"));
    }
}
