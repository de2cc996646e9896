//! What is cut off of conversations of all shapes.

use model::{
    CallId, Compacted, FinishReason, JournalEvent, JournalRow, MessageId, ModelTurn, Seq,
    Timestamp, ToolCall, ToolFinished, ToolStatus, Usage, UserMessage,
};
use serde_json::{Value, json};

use super::*;
use crate::compaction::summary::{cuts_anything, extract, transcript};
use crate::messages_of;

/// Bytes of each message, each text and each output below, unless it says otherwise.
const SIZE: usize = 1_000;

fn apply(run: &mut RunFold, event: JournalEvent) {
    run.apply(&JournalRow {
        seq: Seq(1),
        run: run.run(),
        at: Timestamp::from_millis(0),
        event,
    });
}

fn run(number: i64, turns: i64, output: usize) -> RunFold {
    let mut run = RunFold::new(RunNumber(number));
    let message = UserMessage {
        message_id: MessageId::new("m"),
        content: format!("message {number} {}", "u".repeat(SIZE)),
        attached_files: Vec::new(),
        secret_names: Vec::new(),
    };
    apply(&mut run, JournalEvent::UserMessage(message));
    for turn in 1..=turns {
        add_turn(&mut run, turn, output);
    }
    run
}

fn add_turn(run: &mut RunFold, turn: i64, output: usize) {
    let call_id = CallId::new(format!("call-{}-{turn}", run.run().0));
    let made = ModelTurn {
        turn,
        text: format!("turn {}/{turn} {}", run.run().0, "t".repeat(SIZE)),
        continues: false,
        thoughts: Vec::new(),
        tool_calls: vec![ToolCall {
            call_id: call_id.clone(),
            name: "read_file".to_owned(),
            args: json!({}),
        }],
        finish: FinishReason::ToolCalls,
        usage: Usage::default(),
        provider_state: Value::Null,
    };
    apply(run, JournalEvent::ModelTurn(made));
    let finished = ToolFinished {
        call_id,
        status: ToolStatus::Success,
        output: "o".repeat(output),
        error: None,
    };
    apply(run, JournalEvent::ToolFinished(finished));
}

fn compact(runs: &mut [RunFold], plan: &Plan, summary: &str) {
    let last = runs.last_mut().unwrap();
    let row = Compacted {
        from_run: plan.from_run,
        through_turn: plan.through_turn,
        summary: summary.to_owned(),
        usage: Usage::default(),
        output_bytes: plan.output_bytes.map(|bytes| bytes as u64),
    };
    apply(last, JournalEvent::Compacted(row));
}

fn planned(runs: &[RunFold], keep_bytes: usize) -> Option<Plan> {
    plan(&runs.iter().collect::<Vec<_>>(), keep_bytes)
}

fn shown(runs: &[RunFold]) -> usize {
    messages_of(runs).iter().map(message_bytes).sum()
}

#[test]
fn as_much_of_the_end_stays_as_fits() {
    let runs = [run(1, 2, SIZE), run(2, 2, SIZE), run(3, 5, SIZE)];
    let cut = |keep| planned(&runs, keep).map(|plan| (plan.from_run.0, plan.through_turn));
    // A message and three turns of a text and an output each.
    assert_eq!(cut(7 * SIZE + 500), Some((3, 2)));
    // That whole run, and of the one before the message alone.
    assert_eq!(cut(12 * SIZE + 900), Some((2, 2)));
    assert_eq!(cut(14 * SIZE + 900), Some((2, 1)));
    assert_eq!(cut(100 * SIZE), None);
    // The last message and the last turn stay, however little is to stay.
    assert_eq!(cut(1), Some((3, 4)));
    let begun = [run(1, 3, SIZE), run(2, 0, SIZE)];
    let plan = planned(&begun, 1).unwrap();
    assert_eq!((plan.from_run.0, plan.through_turn), (2, 0));
    assert_eq!(planned(&[run(1, 0, SIZE)], 1), None);
}

#[test]
fn what_stays_follows_the_summary_and_no_call_loses_its_answer() {
    let mut runs = [run(1, 3, SIZE), run(2, 40, SIZE)];
    for round in 0..5 {
        let plan = planned(&runs, 7 * SIZE + 500).unwrap();
        compact(&mut runs, &plan, &format!("summary {round}"));
        let messages = messages_of(&runs);
        assert!(shown(&runs) < 8 * SIZE, "{}", shown(&runs));
        let llm::Message::User { text } = &messages[0] else {
            panic!("the conversation begins with the user");
        };
        assert!(text.contains(&format!("summary {round}")) && text.contains("message 2"));
        for pair in messages[1..].chunks(2) {
            let [
                llm::Message::Assistant { tool_calls, .. },
                llm::Message::Tool { call_id, .. },
            ] = pair
            else {
                panic!("a turn and its answer: {pair:?}");
            };
            assert_eq!(tool_calls[0].call_id, *call_id);
        }
        assert_eq!(
            planned(&runs, 7 * SIZE + 500),
            None,
            "nothing more is to be gained"
        );
        let [_, last] = &mut runs;
        let next = last.turns().len() as i64 + 1;
        for turn in next..next + 3 {
            add_turn(last, turn, SIZE);
        }
    }
}

#[test]
fn a_huge_output_is_shown_in_part_and_a_later_one_is_not() {
    let mut runs = [run(1, 1, MODEL_OUTPUT_BYTES)];
    let plan = planned(&runs, 6_000).unwrap();
    assert_eq!((plan.from_run.0, plan.through_turn), (1, 0));
    let limit = plan.output_bytes.unwrap();
    assert!((3_000..4_000).contains(&limit), "{limit}");
    {
        let runs: Vec<&RunFold> = runs.iter().collect();
        assert!(
            !cuts_anything(&runs, &plan),
            "there is nothing to summarize"
        );
    }
    compact(&mut runs, &plan, "");
    assert!(shown(&runs) < 6_500, "{}", shown(&runs));
    // The line that stands for what is left out is all that could be gained.
    assert!(planned(&runs, 6_000).is_none_or(|plan| plan.freed_bytes < 100));
    add_turn(&mut runs[0], 2, 5_000);
    let outputs: Vec<usize> = messages_of(&runs)
        .iter()
        .filter_map(|message| match message {
            llm::Message::Tool { output, .. } => Some(output.len()),
            llm::Message::User { .. } | llm::Message::Assistant { .. } => None,
        })
        .collect();
    assert!(outputs[0] < 4_100 && outputs[1] == 5_000, "{outputs:?}");
    // While the turn is shown, its output stays as short as it was.
    let plan = planned(&runs, 7_500).unwrap();
    assert!(plan.output_bytes.unwrap() <= limit);
}

#[test]
fn the_stand_in_names_what_was_said_and_called() {
    let mut runs = [run(1, 2, SIZE), run(2, 3, SIZE)];
    let plan = planned(&runs, 4 * SIZE).unwrap();
    assert_eq!((plan.from_run.0, plan.through_turn), (2, 2));
    let folds: Vec<&RunFold> = runs.iter().collect();
    let text = extract(&folds, &plan);
    let said: Vec<&str> = text
        .lines()
        .map(|line| &line[..26.min(line.len())])
        .collect();
    assert_eq!(said.len(), 1 + 2 * 4, "{said:?}");
    assert_eq!(said[0], "- The user said: message 1");
    assert_eq!(said[1], "- You called read_file");
    let asked = transcript(&folds, &plan);
    assert!(asked.contains("User: message 1") && asked.contains("Agent: turn 2/2"));
    assert!(asked.contains("Call read_file {} answered: ooo") && !asked.contains("turn 2/3"));
    compact(&mut runs, &plan, "the notes before");
    add_turn(&mut runs[1], 4, SIZE);
    let plan = planned(&runs, 4 * SIZE).unwrap();
    let folds: Vec<&RunFold> = runs.iter().collect();
    assert!(extract(&folds, &plan).starts_with("the notes before\n- You called read_file"));
    assert!(transcript(&folds, &plan).starts_with("Summary of what was before:\nthe notes before"));
}
