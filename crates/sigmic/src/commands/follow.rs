//! Follows a task's stream in the terminal: shows it, asks about calls that wait, cancels on
//! Ctrl-C.

use std::pin::Pin;
use std::time::{Duration, Instant};

use client::{Backoff, CallStatus, Client, Error, Followed, ServerEvent};
use tokio::signal::unix::{Signal, SignalKind, signal};
use wire::{ApproveRequest, CancelResponse};

use super::connect::failed;
use crate::failure::Failure;
use crate::output::{Output, is_interactive};
use crate::terminal::{Answer, Questions, View};

/// How often the line about what goes on is brought up to date.
const GOING_ON_EVERY: Duration = Duration::from_secs(1);

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
    /// Ask, and fail when nobody answers.
    Ask,
    /// Ask if there is a person at a terminal.
    AskPerson,
    /// Leave it to somebody else.
    Leave,
}

/// How a run ended that was followed to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Completed,
    /// It failed or was cancelled, which the view has told.
    Failed,
}

/// Follows until the run ends.
///
/// # Errors
/// When the stream did not hold, or the person left before the end.
pub(super) async fn follow(
    client: &Client,
    options: FollowOptions,
    interrupts: &mut Interrupts,
    output: &mut Output,
) -> Result<Ended, Failure> {
    let mut follower = Follower {
        client,
        options,
        output,
        questions: Questions::new(),
        interrupts,
        cancelling: None,
    };
    let ended = follower.run().await;
    follower.output.end_footer();
    ended
}

type Cancelling<'a> = Pin<Box<dyn Future<Output = Result<CancelResponse, Error>> + 'a>>;

struct Follower<'a> {
    client: &'a Client,
    options: FollowOptions,
    output: &'a mut Output,
    questions: Questions,
    interrupts: &'a mut Interrupts,
    /// The answer to a cancel that was asked for.
    cancelling: Option<Cancelling<'a>>,
}

/// Ctrl-C and SIGTERM, from when it is made on.
#[derive(Debug)]
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    pressed: Pressed,
}

/// Whether somebody wanted the task to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pressed {
    Never,
    Once,
}

impl Interrupts {
    /// Made before the task is: from then on nothing is left running by an impatient hand.
    pub(super) fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::Failed(error.into()));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            pressed: Pressed::Never,
        })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

impl Follower<'_> {
    async fn run(&mut self) -> Result<Ended, Failure> {
        let id = self.options.id.clone();
        let mut stream = self.client.follow(id, Backoff::default());
        let mut ended = Ended::Completed;
        let mut ticks = tokio::time::interval(GOING_ON_EVERY);
        loop {
            let followed = tokio::select! {
                followed = stream.next() => followed.map_err(failed)?,
                () = self.interrupts.next() => {
                    self.interrupted()?;
                    continue;
                }
                cancelled = answer(&mut self.cancelling) => {
                    self.cancelled(cancelled)?;
                    continue;
                }
                _ = ticks.tick() => {
                    let going_on = self.options.view.going_on(Instant::now());
                    self.output.footer(going_on.as_deref());
                    continue;
                }
            };
            let Some(followed) = followed else {
                return Ok(ended);
            };
            let now = Instant::now();
            let shown = self.options.view.show(&followed, now);
            self.output.piece(&shown);
            self.output
                .footer(self.options.view.going_on(now).as_deref());
            let Followed::Event(received) = followed else {
                continue;
            };
            match &received.event {
                ServerEvent::Done { .. } => ended = Ended::Completed,
                ServerEvent::Error { .. } => ended = Ended::Failed,
                ServerEvent::ToolCall {
                    call_id,
                    status: CallStatus::AwaitingApproval,
                    ..
                } => self.waiting(call_id).await?,
                ServerEvent::HistoryDone {
                    is_streaming: false,
                    ..
                } => ended = self.ended_before().await?,
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

    /// How a run ended that was over before it could be followed: its stream does not say.
    async fn ended_before(&mut self) -> Result<Ended, Failure> {
        let id = &self.options.id;
        let task = self.client.get_task(id).await.map_err(failed)?;
        if task.status == "completed" {
            return Ok(Ended::Completed);
        }
        let why = task.error.unwrap_or(task.status);
        let shown = self.options.view.failure(&why);
        self.output.piece(&shown);
        Ok(Ended::Failed)
    }

    fn interrupted(&mut self) -> Result<(), Failure> {
        let id = &self.options.id;
        if self.options.interrupt == Interrupt::Leave || self.interrupts.pressed == Pressed::Once {
            self.output.note(format!(
                "\nLeft; the task may still run. To follow it: sigmic tasks stream {id}"
            ));
            return Err(Failure::Told);
        }
        self.interrupts.pressed = Pressed::Once;
        self.output
            .note("\nCancelling the task; once more leaves at once.");
        let (client, id) = (self.client, id.clone());
        self.cancelling = Some(Box::pin(async move { client.cancel_task(&id).await }));
        Ok(())
    }

    fn cancelled(&self, answer: Result<CancelResponse, Error>) -> Result<(), Failure> {
        match answer {
            Ok(_) => Ok(()),
            // It ended meanwhile: the stream tells how.
            Err(Error::Api { status: 409, .. }) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    async fn waiting(&mut self, call_id: &str) -> Result<(), Failure> {
        let by_hand = format!("sigmic tasks approve {} {call_id}", self.options.id);
        let by_hand = crate::terminal::clean(&by_hand);
        match self.options.approvals {
            Approvals::Ask => {}
            Approvals::AskPerson if is_interactive() => {}
            Approvals::Leave | Approvals::AskPerson => {
                if is_interactive() {
                    self.output
                        .note(format!("\x1b[2m  To decide: {by_hand}\x1b[0m"));
                }
                return Ok(());
            }
        }
        let answer = tokio::select! {
            answer = self.questions.approve(self.output) => answer,
            () = self.interrupts.next() => return self.interrupted(),
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

/// The answer to what was asked; never, if nothing was.
async fn answer(cancelling: &mut Option<Cancelling<'_>>) -> Result<CancelResponse, Error> {
    let Some(asked) = cancelling else {
        return std::future::pending().await;
    };
    let answer = asked.await;
    *cancelling = None;
    answer
}
