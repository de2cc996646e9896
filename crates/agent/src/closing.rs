//! How the open calls of a run end when the run is stopped.

use model::{CallState, JournalEvent, RunFold, RunOutcome, ToolFinished, ToolStatus};

/// What the model (and the client) is told of a call that a person rejected.
pub fn rejection_output(reason: Option<&str>) -> String {
    match reason {
        Some(reason) if !reason.trim().is_empty() => {
            format!("The user rejected this call: {}", reason.trim())
        }
        Some(_) | None => "The user rejected this call.".to_owned(),
    }
}

/// The facts that end a run from outside: each open call ends `cancelled`, then the run ends with
/// `outcome`.
pub fn closing_events(run: &RunFold, outcome: RunOutcome) -> Vec<JournalEvent> {
    let mut events = Vec::new();
    for call in run.calls() {
        let announced = match &call.state {
            CallState::Finished(_) => continue,
            // A reader has seen a `tool_call` of it.
            CallState::Waiting | CallState::Decided { .. } | CallState::Started => true,
            CallState::Proposed => false,
        };
        if !announced {
            events.push(JournalEvent::ToolStarted {
                call_id: call.call_id.clone(),
            });
        }
        events.push(JournalEvent::ToolFinished(ToolFinished {
            call_id: call.call_id.clone(),
            status: ToolStatus::Cancelled,
            output: "The task was stopped before this call ended.".to_owned(),
            error: None,
        }));
    }
    events.push(JournalEvent::RunFinished(outcome));
    events
}
