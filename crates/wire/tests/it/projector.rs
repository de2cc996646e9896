//! Whoever reads a stream, however often it breaks, ends with what the journal says.

use std::collections::HashMap;

use model::{JournalEvent, JournalRow, RunFold, RunNumber, Seq, TaskStatus};
use proptest::prelude::*;
use sigmic_wire::{Frame, Projector, Step, StreamEvent};

use crate::script::{News, news_of, open_turn, rows_of, runs};

/// A client that follows the rules: it keeps what it received up to its last id when it comes back.
#[derive(Debug, Clone, Default)]
struct Reader {
    frames: Vec<Frame>,
}

impl Reader {
    fn last_id(&self) -> Option<Seq> {
        self.frames.iter().rev().find_map(|frame| frame.id)
    }

    fn drop_after_last_id(&mut self) {
        let keep = self
            .frames
            .iter()
            .rposition(|frame| frame.id.is_some())
            .map_or(0, |at| at + 1);
        self.frames.truncate(keep);
    }

    /// Text and calls of the run that it saw last.
    fn last_run(&self) -> Seen {
        let begin = self
            .frames
            .iter()
            .rposition(|frame| matches!(frame.event, StreamEvent::HistoryMessage(_)))
            .map_or(0, |at| at + 1);
        let mut seen = Seen::default();
        for frame in &self.frames[begin..] {
            seen.take(&frame.event);
        }
        seen
    }
}

#[derive(Debug, Default, PartialEq)]
struct Seen {
    text: String,
    thoughts: usize,
    last_is_partial: Option<bool>,
    results: HashMap<String, &'static str>,
    announced: HashMap<String, usize>,
    end: Option<StreamEvent>,
}

impl Seen {
    fn take(&mut self, event: &StreamEvent) {
        assert!(self.end.is_none(), "nothing follows the terminal event");
        match event {
            StreamEvent::Content { text, is_partial } => {
                self.text.push_str(text);
                self.last_is_partial = Some(*is_partial);
            }
            StreamEvent::Thought(_) => self.thoughts += 1,
            StreamEvent::ToolCall { call_id, .. } => {
                assert!(
                    !self.results.contains_key(call_id),
                    "a call comes before its result"
                );
                *self.announced.entry(call_id.clone()).or_default() += 1;
            }
            StreamEvent::ToolResult {
                call_id, status, ..
            } => {
                assert!(
                    self.announced.contains_key(call_id),
                    "a result follows its call"
                );
                assert!(
                    self.results.insert(call_id.clone(), status).is_none(),
                    "one result a call"
                );
            }
            StreamEvent::Done { .. } | StreamEvent::Error { .. } => self.end = Some(event.clone()),
            StreamEvent::HistoryMessage(_)
            | StreamEvent::HistoryDone { .. }
            | StreamEvent::Status { .. } => {}
        }
    }
}

/// One connection: opened when `from` news have happened, cut when `to` have.
fn connect(reader: &mut Reader, news: &[News], from: usize, to: usize) {
    let rows = rows_of(&news[..from]);
    let Some(run) = rows.last().map(|row| row.run) else {
        return;
    };
    let is_open = !matches!(
        rows.last().map(|row| &row.event),
        Some(JournalEvent::RunFinished(_))
    );
    let status = if is_open {
        TaskStatus::Running
    } else {
        TaskStatus::Completed
    };
    reader.drop_after_last_id();
    let (mut projector, frames) = match reader.last_id() {
        Some(cursor) => (Projector::after_cursor(&rows, cursor), Vec::new()),
        None => {
            reader.frames.clear();
            Projector::with_history(&rows, run, status)
        }
    };
    reader.frames.extend(frames);
    for row in &rows {
        if !feed(reader, projector.row(row)) {
            return;
        }
    }
    if let Some(open) = open_turn(&news[..from]) {
        reader.frames.extend(projector.open_turn(&open));
    }
    for item in &news[from..to] {
        let go_on = match item {
            News::Row(row) => feed(reader, projector.row(row)),
            News::Delta(delta) => {
                reader.frames.extend(projector.delta(delta));
                true
            }
        };
        if !go_on {
            return;
        }
    }
}

fn feed(reader: &mut Reader, step: Step) -> bool {
    match step {
        Step::Send(frames) => {
            reader.frames.extend(frames);
            true
        }
        Step::Restart => false,
    }
}

fn check(reader: &Reader, rows: &[JournalRow]) {
    let run = rows.last().map_or(RunNumber::FIRST, |row| row.run);
    let fold = RunFold::of(run, rows);
    let seen = reader.last_run();
    if reader.frames.iter().any(|frame| {
        matches!(
            &frame.event,
            StreamEvent::HistoryDone {
                is_streaming: false,
                ..
            }
        )
    }) {
        return;
    }
    assert_eq!(seen.text, fold.text(), "text");
    assert_eq!(seen.thoughts, fold.thoughts().count(), "thoughts");
    assert_eq!(seen.results.len(), fold.calls().len(), "calls");
    assert_ne!(
        seen.last_is_partial,
        Some(true),
        "the last content closes its segment"
    );
    match seen.end {
        Some(StreamEvent::Done { final_response }) => assert_eq!(final_response, fold.text()),
        Some(StreamEvent::Error { .. }) => {}
        other => panic!("no terminal event: {other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// A reader that joins anywhere, without a cursor, and stays.
    #[test]
    fn contract_137_a_reader_that_joins_anywhere_sees_all_of_the_run(runs in runs(), at in any::<prop::sample::Index>()) {
        let news = news_of(&runs);
        let first_row = 1;
        let from = first_row + at.index(news.len() - first_row);
        let mut reader = Reader::default();
        connect(&mut reader, &news, from, news.len());
        let rows = rows_of(&news);
        let begun = rows_of(&news[..from]).last().map(|row| row.run);
        // It stays through one run at least; a later one begins with its message.
        prop_assert!(begun.is_some());
        check(&reader, &rows);
    }

    /// A reader whose connection breaks again and again and who resumes by cursor.
    #[test]
    fn contract_138_a_reader_that_is_cut_off_anywhere_loses_and_doubles_nothing(
        runs in runs(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 1..6),
    ) {
        let news = news_of(&runs);
        let mut points: Vec<usize> = cuts.iter().map(|cut| 1 + cut.index(news.len() - 1)).collect();
        points.sort_unstable();
        let mut reader = Reader::default();
        let mut from = 1;
        for to in points {
            connect(&mut reader, &news, from, to);
            from = to;
        }
        // A client that has the terminal event does not come back.
        connect(&mut reader, &news, from, news.len());
        check(&reader, &rows_of(&news));
    }

    /// Ids rise, and each is sent once.
    #[test]
    fn ids_rise_strictly(runs in runs()) {
        let news = news_of(&runs);
        let mut reader = Reader::default();
        connect(&mut reader, &news, 1, news.len());
        let ids: Vec<Seq> = reader.frames.iter().filter_map(|frame| frame.id).collect();
        prop_assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", ids);
    }
}
