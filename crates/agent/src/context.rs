//! What the model is shown: rebuilt from the journal alone, so that a resumed run asks byte for
//! byte what an uninterrupted one would have asked.

use llm::Message;
use model::{
    AttachedFile, CallFold, CallState, FinishReason, MODEL_OUTPUT_BYTES, ModelTurn, RunFold,
    ToolStatus, head_and_tail,
};

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
    let paths: Vec<String> = files
        .iter()
        .map(|file| format!("- {}", file.path))
        .collect();
    format!(
        "Files that came with this message:\n{}\n\n{content}",
        paths.join("\n")
    )
}
