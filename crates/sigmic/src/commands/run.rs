//! `sigmic run`: one task from its message to its end.

use wire::CreateTaskRequest;

use super::follow::{Approvals, FollowOptions, Interrupt, Interrupts, follow};
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
    let request = CreateTaskRequest {
        message: arguments.message,
        auto_execute: Some(!arguments.manual),
        model: arguments.model,
        ..CreateTaskRequest::default()
    };
    let view = if arguments.json {
        View::json()
    } else {
        View::of_run()
    };
    let runtime = runtime::small()?;
    let ended = runtime.block_on(async {
        let interrupts = Interrupts::new()?;
        let created = client.create_task(&request, None).await;
        let created = created.map_err(connect::failed)?;
        if !arguments.json {
            output.note(format!("\x1b[2mTask {}\x1b[0m", created.id));
        }
        let options = FollowOptions {
            id: created.id,
            view,
            interrupt: Interrupt::CancelTask,
            approvals: if arguments.manual && !arguments.json {
                Approvals::Ask
            } else {
                Approvals::Leave
            },
        };
        follow(&client, options, interrupts, output).await
    });
    // A thread may still wait for standard input; nobody waits for it.
    runtime.shutdown_background();
    ended
}
