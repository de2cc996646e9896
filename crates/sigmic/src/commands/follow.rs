//! Follows a task's stream in the terminal: shows it, asks about calls that wait, cancels on
//! Ctrl-C.

use client::{Backoff, CallStatus, Client, Error, Followed, ServerEvent};
use tokio::signal::unix::{Signal, SignalKind, signal};
use wire::ApproveRequest;

use super::connect::failed;
use crate::failure::{Done, Failure};
use crate::output::{Output, is_interactive};
use crate::terminal::{Answer, Questions, View};

/// What to follow and how.
#[derive(Debug)]
pub(super) struct FollowOptions {
    pub(super) id: String,
    pub(super) view: View,
    pub(super) interrupt: Interrupt,
    pub(super) approvals: Approvals,
}

/// What Ctrl-C does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interrupt {
    /// The task is cancelled; a second one ends the command at once.
    CancelTask,
    /// The command ends, the task goes on.
    Leave,
}

/// What to do about a call that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Approvals {
    /// Ask on the terminal.
    Ask,
    /// Leave it to somebody else.
    Leave,
}

/// Follows until the run ends.
///
/// # Errors
/// When the run failed or was cancelled (which the view has told), or the stream did not hold.
pub(super) async fn follow(
    client: &Client,
    options: FollowOptions,
    interrupts: Interrupts,
    output: &mut Output,
) -> Result<Done, Failure> {
    let mut follower = Follower {
        client,
        options,
        output,
        questions: Questions::new(),
        interrupts,
        cancelled: false,
    };
    follower.run().await
}

struct Follower<'a> {
    client: &'a Client,
    options: FollowOptions,
    output: &'a mut Output,
    questions: Questions,
    interrupts: Interrupts,
    cancelled: bool,
}

/// Ctrl-C and SIGTERM, from when it is made on.
#[derive(Debug)]
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Made before the task is: from then on nothing is left running by an impatient hand.
    pub(super) fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::Failed(error.into()));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

impl Follower<'_> {
    async fn run(&mut self) -> Result<Done, Failure> {
        let id = self.options.id.clone();
        let mut stream = self.client.follow(id, Backoff::default());
        let mut end = Ok(Done);
        loop {
            let followed = tokio::select! {
                followed = stream.next() => followed.map_err(failed)?,
                () = self.interrupts.next() => {
                    self.interrupted().await?;
                    continue;
                }
            };
            let Some(followed) = followed else {
                return end;
            };
            let shown = self.options.view.show(&followed);
            self.output.piece(&shown);
            let Followed::Event(received) = followed else {
                continue;
            };
            match &received.event {
                ServerEvent::Done { .. } => end = Ok(Done),
                ServerEvent::Error { .. } => end = Err(Failure::Told),
                ServerEvent::ToolCall {
                    call_id,
                    status: CallStatus::AwaitingApproval,
                    ..
                } => self.waiting(call_id).await?,
                ServerEvent::ToolCall { .. }
                | ServerEvent::HistoryMessage(_)
                | ServerEvent::HistoryDone { .. }
                | ServerEvent::Status { .. }
                | ServerEvent::Thought(_)
                | ServerEvent::Content { .. }
                | ServerEvent::ToolResult { .. }
                | ServerEvent::Unknown { .. } => {}
            }
        }
    }

    async fn interrupted(&mut self) -> Result<(), Failure> {
        if self.options.interrupt == Interrupt::Leave || self.cancelled {
            return Err(Failure::Told);
        }
        self.cancelled = true;
        self.output
            .note("\nCancelling the task; once more leaves at once.");
        match self.client.cancel_task(&self.options.id).await {
            Ok(_) => Ok(()),
            // It ended meanwhile: the stream tells how.
            Err(Error::Api { status: 409, .. }) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    async fn waiting(&mut self, call_id: &str) -> Result<(), Failure> {
        let by_hand = format!("sigmic tasks approve {} {call_id}", self.options.id);
        match self.options.approvals {
            Approvals::Leave => {
                if is_interactive() {
                    self.output
                        .note(format!("\x1b[2m  To decide: {by_hand}\x1b[0m"));
                }
                return Ok(());
            }
            Approvals::Ask => {}
        }
        let answer = tokio::select! {
            answer = self.questions.approve(self.output) => answer,
            () = self.interrupts.next() => return self.interrupted().await,
        };
        let (outcome, reason) = match answer {
            Some(Answer::Once) => ("proceed_once", None),
            Some(Answer::Always) => ("proceed_always", None),
            Some(Answer::No { reason }) => ("cancel", reason),
            None => {
                return Err(Failure::Failed(anyhow::anyhow!(
                    "nobody answers; the task waits: {by_hand}"
                )));
            }
        };
        let decision = ApproveRequest {
            outcome: outcome.to_owned(),
            reason,
            args: None,
        };
        match self
            .client
            .approve(&self.options.id, call_id, &decision)
            .await
        {
            Ok(_) => Ok(()),
            Err(Error::Api { status: 409, .. }) => {
                self.output.note("  It was decided already.");
                Ok(())
            }
            Err(error) => Err(failed(error)),
        }
    }
}
