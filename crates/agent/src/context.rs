//! What the model is shown: rebuilt from the journal alone, so that a resumed run asks byte for
//! byte what an uninterrupted one would have asked.

use llm::Message;
use model::{
    AttachedFile, CallFold, CallState, Compacted, CompactedFold, FinishReason, MODEL_OUTPUT_BYTES,
    ModelTurn, RunFold, RunNumber, ToolStatus, head_and_tail,
};

/// Paths that a message lists at most, and their bytes: an archive may hold thousands.
const MAX_PATHS: usize = 200;
const MAX_PATHS_BYTES: usize = 16 * 1024;

/// Said to the model after a turn that its provider cut.
const GO_ON: &str = "Your answer was cut off. Go on exactly where it stopped, repeating nothing.";

/// Said before a summary, and between it and what was not summarized.
const SUMMARY_HEAD: &str = "[The conversation so far is too long to be shown whole. This is a \
summary of its older part:]";
const SUMMARY_END: &str = "[End of the summary. The user's message:]";

/// The conversation of a task: its runs, oldest first; in the place of what was summarized, the
/// summary.
pub fn messages_of<'a>(runs: impl IntoIterator<Item = &'a RunFold>) -> Vec<Message> {
    let runs: Vec<&RunFold> = runs.into_iter().collect();
    let view = View::of(runs.iter().copied());
    let mut messages = Vec::new();
    for run in runs.into_iter().filter(|run| view.shows_run(run.run())) {
        messages.extend(opening(run, &view));
        let mut before = FinishReason::Stop;
        for (turn, calls) in turns_of(run) {
            if view.shows_turn(run.run(), turn.turn) {
                let limit = view.output_bytes(run.run(), turn.turn);
                push_turn(&mut messages, turn, before, calls, limit);
            }
            before = turn.finish;
        }
    }
    // A run that ended in a cut has nothing to go on with: only an open end asks for more.
    if let Some(Message::Assistant { .. }) = messages.last() {
        messages.push(Message::User {
            text: GO_ON.to_owned(),
        });
    }
    messages
}

/// What of a conversation is shown: all of it, or what came after the last summary.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct View<'a>(Option<(RunNumber, &'a CompactedFold)>);

impl<'a> View<'a> {
    pub(crate) fn of(runs: impl DoubleEndedIterator<Item = &'a RunFold>) -> Self {
        let mut latest = runs.rev();
        Self(latest.find_map(|run| Some((run.run(), run.compacted()?))))
    }

    /// The last summary.
    pub(crate) fn row(&self) -> Option<&'a Compacted> {
        self.0.map(|(_, compacted)| &compacted.row)
    }

    pub(crate) fn shows_run(&self, run: RunNumber) -> bool {
        self.row().is_none_or(|row| run >= row.from_run)
    }

    pub(crate) fn shows_turn(&self, run: RunNumber, turn: i64) -> bool {
        self.row()
            .is_none_or(|row| (run, turn) > (row.from_run, row.through_turn))
    }

    /// Whether a turn was there when the summary was made.
    pub(crate) fn is_before(&self, run: RunNumber, turn: i64) -> bool {
        self.0
            .is_some_and(|(at, compacted)| (run, turn) <= (at, compacted.turns))
    }

    /// Bytes that are shown of each output of a turn's calls.
    pub(crate) fn output_bytes(&self, run: RunNumber, turn: i64) -> usize {
        let cut = self.row().and_then(|row| row.output_bytes);
        let cut = cut.filter(|_| self.is_before(run, turn));
        cut.and_then(|bytes| usize::try_from(bytes).ok())
            .map_or(MODEL_OUTPUT_BYTES, |bytes| bytes.min(MODEL_OUTPUT_BYTES))
    }
}

/// A run's turns, each with its calls.
pub(crate) fn turns_of(
    run: &RunFold,
) -> impl Iterator<Item = (&ModelTurn, std::slice::Iter<'_, CallFold>)> {
    // In the order of the turns, as the calls are in the fold: one pass, however long the run.
    let mut calls = run.calls();
    run.turns().iter().map(move |turn| {
        let (own, rest) = calls.split_at(turn.tool_calls.len().min(calls.len()));
        calls = rest;
        (turn, own.iter())
    })
}

/// What a run begins with: the user's message, after the summary if there is one of what was before.
pub(crate) fn opening(run: &RunFold, view: &View<'_>) -> Option<Message> {
    let said = run.user_message();
    let said = said.map(|user| with_files(&user.content, &user.attached_files));
    let summary = view.row().filter(|row| row.from_run == run.run());
    let summary = summary.map_or("", |row| row.summary.as_str());
    let text = match said {
        said if summary.is_empty() => said?,
        Some(said) => format!("{SUMMARY_HEAD}\n\n{summary}\n\n{SUMMARY_END}\n\n{said}"),
        None => format!("{SUMMARY_HEAD}\n\n{summary}"),
    };
    Some(Message::User { text })
}

pub(crate) fn push_turn<'a>(
    messages: &mut Vec<Message>,
    turn: &ModelTurn,
    before: FinishReason,
    calls: impl Iterator<Item = &'a CallFold>,
    output_bytes: usize,
) {
    if let (Some(Message::Assistant { .. }), FinishReason::Cut | FinishReason::Length) =
        (messages.last(), before)
    {
        messages.push(Message::User {
            text: GO_ON.to_owned(),
        });
    }
    messages.push(Message::Assistant {
        text: turn.text.clone(),
        thoughts: turn.thoughts.clone(),
        tool_calls: turn.tool_calls.clone(),
        provider_state: turn.provider_state.clone(),
    });
    for call in calls {
        let (output, status) = answer_of(&call.state, output_bytes);
        messages.push(Message::Tool {
            call_id: call.call_id.clone(),
            name: call.name.clone(),
            output,
            status,
        });
    }
}

pub(crate) fn answer_of(state: &CallState, output_bytes: usize) -> (String, ToolStatus) {
    match state {
        CallState::Finished(finished) => {
            let output = head_and_tail(&finished.output, output_bytes);
            let output = match &finished.error {
                Some(error) if output.is_empty() => head_and_tail(error, output_bytes),
                Some(_) | None => output,
            };
            (output, finished.status)
        }
        CallState::Proposed
        | CallState::Waiting
        | CallState::Decided { .. }
        | CallState::Started => ("This call was not run.".to_owned(), ToolStatus::Cancelled),
    }
}

/// The message as the model sees it: the paths of its files first.
fn with_files(content: &str, files: &[AttachedFile]) -> String {
    if files.is_empty() {
        return content.to_owned();
    }
    let mut list = String::new();
    let mut shown = 0;
    for file in files.iter().take(MAX_PATHS) {
        if list.len() + file.path.len() > MAX_PATHS_BYTES {
            break;
        }
        list.push_str("- ");
        list.push_str(&file.path);
        list.push('\n');
        shown += 1;
    }
    if shown < files.len() {
        list.push_str("- and more; list the directory `uploads` to see all\n");
    }
    format!("Files that came with this message:\n{list}\n{content}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: String) -> AttachedFile {
        AttachedFile {
            name: "x".to_owned(),
            path,
        }
    }

    #[test]
    fn the_list_of_files_is_bounded() {
        assert_eq!(with_files("hi", &[]), "hi");
        assert_eq!(
            with_files("hi", &[file("uploads/a".to_owned())]),
            "Files that came with this message:\n- uploads/a\n\nhi"
        );
        let many: Vec<_> = (0..1_000).map(|n| file(format!("uploads/{n}"))).collect();
        let text = with_files("hi", &many);
        assert_eq!(text.matches("- uploads/").count(), MAX_PATHS);
        assert!(text.ends_with("list the directory `uploads` to see all\n\nhi"));
        let long = vec![file("x".repeat(3_000)); 100];
        assert!(with_files("hi", &long).len() < MAX_PATHS_BYTES + 200);
    }
}
