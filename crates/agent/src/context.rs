//! What the model is shown: rebuilt from the journal alone, so that a resumed run asks byte for
//! byte what an uninterrupted one would have asked.

use llm::Message;
use model::{
    AttachedFile, CallFold, CallState, FinishReason, MODEL_OUTPUT_BYTES, ModelTurn, RunFold,
    ToolStatus, head_and_tail,
};

/// Paths that a message lists at most, and their bytes: an archive may hold thousands.
const MAX_PATHS: usize = 200;
const MAX_PATHS_BYTES: usize = 16 * 1024;

/// Said to the model after a turn that its provider cut.
const GO_ON: &str = "Your answer was cut off. Go on exactly where it stopped, repeating nothing.";

/// The conversation of a task: its runs, oldest first.
pub fn messages_of<'a>(runs: impl IntoIterator<Item = &'a RunFold>) -> Vec<Message> {
    let mut messages = Vec::new();
    for run in runs {
        if let Some(user) = run.user_message() {
            messages.push(Message::User {
                text: with_files(&user.content, &user.attached_files),
            });
        }
        // In the order of the turns, as the calls are in the fold: one pass, however long the run.
        let mut calls = run.calls().iter();
        let mut before = FinishReason::Stop;
        for turn in run.turns() {
            let calls = calls.by_ref().take(turn.tool_calls.len());
            push_turn(&mut messages, turn, before, calls);
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

fn push_turn<'a>(
    messages: &mut Vec<Message>,
    turn: &ModelTurn,
    before: FinishReason,
    calls: impl Iterator<Item = &'a CallFold>,
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
        let (output, status) = answer_of(&call.state);
        messages.push(Message::Tool {
            call_id: call.call_id.clone(),
            name: call.name.clone(),
            output,
            status,
        });
    }
}

fn answer_of(state: &CallState) -> (String, ToolStatus) {
    match state {
        CallState::Finished(finished) => {
            let output = head_and_tail(&finished.output, MODEL_OUTPUT_BYTES);
            let output = match &finished.error {
                Some(error) if output.is_empty() => error.clone(),
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
