//! Rows as released versions wrote them, one file a kind and version under `tests/golden`. Payloads
//! may be added, never changed: they must stay readable for ever. While a version is the newest,
//! writing a row again gives the same text.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use sigmic_model::{
    CallId, CallState, JournalEvent, JournalRow, RunErrorCode, RunFold, RunNumber, RunOutcome, Seq,
    Timestamp, ToolStatus,
};

/// The rows of one file, decoded; checked on the way.
fn rows_of(file: &Value) -> (String, Vec<JournalEvent>) {
    let kind = file["kind"].as_str().unwrap();
    let version = file["version"].as_i64().unwrap();
    let payloads = file["payloads"].as_array().unwrap();
    let decode = |payload: &Value| {
        let text = payload.to_string();
        let event = JournalEvent::decode(kind, version, &text)
            .unwrap_or_else(|error| panic!("{kind} {version} {text}: {error:?}"));
        assert_eq!(event.kind(), kind);
        if version == JournalEvent::VERSION {
            assert_eq!(event.encode(), text);
        }
        event
    };
    (kind.to_owned(), payloads.iter().map(decode).collect())
}

fn golden() -> BTreeMap<String, Vec<JournalEvent>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut golden: BTreeMap<String, Vec<JournalEvent>> = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let name = format!(
            "{}-v{}.json",
            file["kind"].as_str().unwrap(),
            file["version"]
        );
        assert_eq!(path.file_name().unwrap().to_str(), Some(name.as_str()));
        let (kind, events) = rows_of(&file);
        assert!(!events.is_empty(), "{name}");
        golden.entry(kind).or_default().extend(events);
    }
    golden
}

/// Where a kind stands in [`JournalEvent::KINDS`]. A new variant does not compile here before it is
/// added to that list.
fn place(event: &JournalEvent) -> usize {
    match event {
        JournalEvent::UserMessage(_) => 0,
        JournalEvent::RunStarted(_) => 1,
        JournalEvent::RunResumed { .. } => 2,
        JournalEvent::Notice { .. } => 3,
        JournalEvent::ModelTurn(_) => 4,
        JournalEvent::ToolWaiting { .. } => 5,
        JournalEvent::ToolDecided(_) => 6,
        JournalEvent::ToolStarted { .. } => 7,
        JournalEvent::ToolFinished(_) => 8,
        JournalEvent::Egress(_) => 9,
        JournalEvent::RunFinished(_) => 10,
        JournalEvent::Compacted(_) => 11,
    }
}

#[test]
fn every_kind_has_golden_rows_that_are_read_and_written_the_same() {
    let golden = golden();
    let mut known = JournalEvent::KINDS;
    known.sort_unstable();
    assert_eq!(
        golden.keys().collect::<Vec<_>>(),
        known.iter().collect::<Vec<_>>()
    );
    for event in golden.values().flatten() {
        assert_eq!(JournalEvent::KINDS[place(event)], event.kind());
    }
}

#[test]
fn every_code_of_a_failed_run_has_a_golden_row() {
    let golden = golden();
    for code in RunErrorCode::ALL {
        let stored = golden["run_finished"].iter().any(|event| {
            matches!(event, JournalEvent::RunFinished(RunOutcome::Failed { code: stored, .. }) if *stored == code)
        });
        assert!(stored, "{code:?}");
    }
}

#[test]
fn unknown_kinds_and_versions_are_told() {
    for (kind, version) in [("model_turn", 2), ("model_turn", 0), ("dream", 1)] {
        let error = JournalEvent::decode(kind, version, "{}").unwrap_err();
        assert!(
            matches!(error, sigmic_model::DecodeError::Unknown { .. }),
            "{error:?}"
        );
    }
}

/// The first row of each kind, in the order of a run that asked a person and was taken up again.
#[test]
fn golden_rows_add_up() {
    let golden = golden();
    let mut fold = RunFold::new(RunNumber::FIRST);
    let mut seq = Seq(0);
    let call = CallId::new("call_1");
    let mut apply = |kind: &str, fold: &mut RunFold| {
        seq = seq.next();
        let row = JournalRow {
            seq,
            run: RunNumber::FIRST,
            at: Timestamp::from_millis(seq.0),
            event: golden[kind][0].clone(),
        };
        fold.apply(&row);
    };
    for kind in ["user_message", "run_started", "notice", "model_turn"] {
        apply(kind, &mut fold);
    }
    assert_eq!(fold.user_message().unwrap().content, "Sum column B");
    assert_eq!(fold.started().unwrap().model, "demo/demo");
    assert_eq!(fold.text(), "I will look first.");
    assert_eq!(fold.call(&call).unwrap().state, CallState::Proposed);
    apply("tool_waiting", &mut fold);
    assert_eq!(fold.pending().count(), 1);
    apply("tool_decided", &mut fold);
    assert_eq!(fold.pending().count(), 0);
    assert_eq!(
        fold.call(&call).unwrap().args(),
        &serde_json::json!({"file_path": "uploads/r.csv"}),
        "the edited arguments count"
    );
    apply("run_resumed", &mut fold);
    apply("tool_started", &mut fold);
    assert_eq!(fold.call(&call).unwrap().state, CallState::Started);
    apply("tool_finished", &mut fold);
    let before = fold.clone();
    apply("egress", &mut fold);
    assert_eq!(fold, before);
    let CallState::Finished(finished) = &fold.call(&call).unwrap().state else {
        panic!("the call ended")
    };
    assert_eq!(finished.status, ToolStatus::Error);
    apply("compacted", &mut fold);
    let compacted = fold.compacted().unwrap();
    assert_eq!((compacted.row.through_turn, compacted.turns), (1, 1));
    apply("run_finished", &mut fold);
    assert_eq!(fold.outcome(), Some(&RunOutcome::Completed));
    assert_eq!(fold.usage().output_tokens, 20 + 50);
    assert_eq!(fold.updated_at(), Some(Timestamp::from_millis(12)));
}
