//! Running tool calls: announced, run side by side where that is safe, written down one by one.

use std::collections::HashSet;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use model::{
    CallId, CallState, JournalEvent, ToolFinished, ToolStatus, WIRE_OUTPUT_BYTES, head_and_tail,
};
use serde_json::Value;
use tokio::time::Instant;

use crate::run::{Worker, WorkerInput};
use crate::{AgentError, StopReason, ToolContext, ToolOutcome, mask_value};

/// A call to run.
struct Call {
    call_id: CallId,
    name: String,
    args: Value,
    edited: bool,
}

impl Worker<'_> {
    /// Stages that a call is about to run, unless a reader was told before.
    pub(crate) fn announce(&mut self, call_id: &CallId) {
        let known = self.state.run().call(call_id).map(|call| &call.state);
        if !matches!(known, Some(CallState::Started | CallState::Finished(_))) {
            self.stage(JournalEvent::ToolStarted {
                call_id: call_id.clone(),
            });
        }
    }

    /// Runs calls side by side and journals each result as it comes.
    pub(crate) async fn run_calls(
        &mut self,
        ids: Vec<CallId>,
    ) -> Result<Option<StopReason>, AgentError> {
        let calls: Vec<Call> = ids.iter().filter_map(|id| self.call(id)).collect();
        for call in &calls {
            self.announce(&call.call_id);
        }
        self.flush().await?;
        let mut stop = self.input.stop.clone();
        let mut in_hand: HashSet<CallId> = ids.into_iter().collect();
        let mut running: FuturesUnordered<_> = calls
            .into_iter()
            .map(|call| run_call(self.input, call))
            .collect();
        loop {
            let finished = tokio::select! {
                biased;
                reason = stop.stopped_hard() => return Ok(Some(reason)),
                finished = running.next() => finished,
            };
            let Some(finished) = finished else {
                return Ok(None);
            };
            in_hand.remove(&finished.call_id);
            self.stage(JournalEvent::ToolFinished(finished));
            // The last result is written together with what is decided next.
            if !in_hand.is_empty() {
                self.flush().await?;
            }
        }
    }

    fn call(&self, call_id: &CallId) -> Option<Call> {
        let call = self.state.run().call(call_id)?;
        Some(Call {
            call_id: call.call_id.clone(),
            name: call.name.clone(),
            args: call.args().clone(),
            edited: call.edited_args.is_some(),
        })
    }
}

async fn run_call(input: &WorkerInput<'_>, call: Call) -> ToolFinished {
    let context = ToolContext {
        session: input.session,
        call_id: &call.call_id,
    };
    let started = Instant::now();
    let outcome = input.tools.call(&context, &call.name, &call.args).await;
    let counted = match &outcome {
        ToolOutcome::Success(_) => "success",
        ToolOutcome::Error { .. } => "error",
    };
    let tool = input.tools.name_of(&call.name);
    input.metrics.called(tool, counted, started.elapsed());
    let mask = input.session.mask();
    let (status, output, error) = match outcome {
        ToolOutcome::Success(output) => (ToolStatus::Success, output, None),
        ToolOutcome::Error { output, error } => {
            let error = mask.mask(&error);
            (
                ToolStatus::Error,
                if output.is_empty() {
                    error.clone()
                } else {
                    output
                },
                Some(error),
            )
        }
    };
    let output = mask.mask(&output);
    // An answer is what the call was for, not a change of it.
    let output = if call.edited && !input.tools.asks_person(&call.name) {
        let args = mask_value(mask, &call.args);
        format!("[The user edited the arguments; run with {args}]\n{output}")
    } else {
        output
    };
    let output = head_and_tail(&output, WIRE_OUTPUT_BYTES);
    ToolFinished {
        call_id: call.call_id,
        status,
        output,
        error,
    }
}
