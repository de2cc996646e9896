//! `sigmic run`: one task from its message to its end.

use client::Client;
use wire::CreateTaskRequest;

use super::follow::{Approvals, Ended, FollowOptions, Interrupt, Interrupts, follow};
use super::save::Destination;
use super::{connect, runtime};
use crate::args::{Common, RunArguments};
use crate::failure::{Done, Failure};
use crate::output::Output;
use crate::terminal::View;

/// Runs it.
pub(crate) fn run(
    common: Common,
    arguments: RunArguments,
    output: &mut Output,
) -> Result<Done, Failure> {
    let client = connect::client(&common, &arguments.server)?;
    let runtime = runtime::small()?;
    let ended = runtime.block_on(run_task(&client, arguments, output));
    // A thread may still wait for standard input; nobody waits for it.
    runtime.shutdown_background();
    ended
}

async fn run_task(
    client: &Client,
    arguments: RunArguments,
    output: &mut Output,
) -> Result<Done, Failure> {
    let mut interrupts = Interrupts::new()?;
    // Before the task costs anything.
    let out = arguments.files.out.map(Destination::open).transpose()?;
    let files = client::Files::new(arguments.files.file);
    let request = CreateTaskRequest {
        message: arguments.message,
        auto_execute: Some(!arguments.manual),
        model: arguments.model,
        ..CreateTaskRequest::default()
    };
    let creating = async {
        if files.is_empty() {
            return client.create_task(&request, None).await;
        }
        client.create_task_with_files(&request, &files, None).await
    };
    let created = tokio::select! {
        created = creating => created.map_err(connect::failed)?,
        // A form that is cut off makes no task.
        () = interrupts.next(), if !files.is_empty() => return Err(Failure::Told),
    };
    let (view, approvals) = match (arguments.json, arguments.manual) {
        (true, _) => (View::json(), Approvals::Leave),
        (false, true) => (View::of_run(output.look()), Approvals::Ask),
        (false, false) => (View::of_run(output.look()), Approvals::AskPerson),
    };
    if !arguments.json {
        output.note(format!("\x1b[2mTask {}\x1b[0m", created.id));
    }
    let options = FollowOptions {
        id: created.id.clone(),
        view,
        interrupt: Interrupt::CancelTask,
        approvals,
    };
    let ended = follow(client, options, &mut interrupts, output).await?;
    finish(client, &created.id, ended, out, &mut interrupts, output).await
}

/// Saves what the task made, however it ended.
///
/// # Errors
/// When it failed, or something could not be saved.
pub(super) async fn finish(
    client: &Client,
    id: &str,
    ended: Ended,
    out: Option<Destination>,
    interrupts: &mut Interrupts,
    output: &mut Output,
) -> Result<Done, Failure> {
    if let Some(out) = out {
        tokio::select! {
            saved = out.save_artifacts(client, id, output) => saved?,
            () = interrupts.next() => return Err(Failure::Told),
        };
    }
    match ended {
        Ended::Completed => Ok(Done),
        Ended::Failed => Err(Failure::Told),
    }
}
