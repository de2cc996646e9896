//! `sigmic tasks …`: the API, one call a command.

use client::{Client, ListScope, ListTasks};
use serde::Serialize;
use wire::{
    ApproveRequest, FollowUpRequest, HistoryResponse, Paged, Role, TaskListItem, TaskResponse,
};

use super::connect::{block_on, client, failed};
use super::follow::{Approvals, Ended, FollowOptions, Interrupt, Interrupts, follow};
use super::run::finish;
use super::runtime;
use super::save::Destination;
use crate::args::{Common, FilesArguments, OutcomeName, TaskCommand, TasksArguments};
use crate::failure::{Done, Failure};
use crate::output::Output;
use crate::terminal::{View, clean, one_line};

/// Runs it.
pub(crate) fn run(
    common: Common,
    arguments: TasksArguments,
    output: &mut Output,
) -> Result<Done, Failure> {
    let client = client(&common, &arguments.server)?;
    let form = if arguments.json {
        Form::Json
    } else {
        Form::Text
    };
    match arguments.command {
        TaskCommand::List {
            limit,
            offset,
            status,
            project,
        } => {
            let list = ListTasks {
                limit: Some(limit),
                offset: Some(offset),
                statuses: status,
                scope: if project {
                    ListScope::Project
                } else {
                    ListScope::Own
                },
            };
            let page = block_on(client.list_tasks(&list))?;
            show(output, form, &page.data, |output| list_tasks(output, &page));
        }
        TaskCommand::Get { id } => {
            let task = block_on(client.get_task(&id))?;
            show(output, form, &task, |output| get_task(output, &task));
        }
        TaskCommand::Cancel { id } => {
            let cancelled = block_on(client.cancel_task(&id))?;
            show(output, form, &cancelled, |output| {
                output.line(&cancelled.message);
            });
        }
        TaskCommand::History { id } => {
            let history = block_on(client.history(&id))?;
            show(output, form, &history, |output| {
                get_history(output, &history);
            });
        }
        TaskCommand::Approve {
            id,
            call_id,
            outcome,
            reason,
        } => approve(&client, &id, &call_id, outcome, reason, form, output)?,
        TaskCommand::FollowUp { id, message, files } => {
            let runtime = runtime::small()?;
            let ended = runtime.block_on(follow_up(&client, id, message, files, form, output));
            runtime.shutdown_background();
            return ended;
        }
        TaskCommand::Stream { id } => return stream(&client, id, form, output),
    }
    Ok(Done)
}

/// For whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

fn show(output: &mut Output, form: Form, value: &impl Serialize, text: impl FnOnce(&mut Output)) {
    match form {
        Form::Json => output.json(value),
        Form::Text => text(output),
    }
}

fn approve(
    client: &Client,
    id: &str,
    call_id: &str,
    outcome: OutcomeName,
    reason: Option<String>,
    form: Form,
    output: &mut Output,
) -> Result<(), Failure> {
    let decision = ApproveRequest {
        outcome: outcome.as_str().to_owned(),
        reason,
        args: None,
    };
    let answer = block_on(client.approve(id, call_id, &decision))?;
    let text = if answer.approved {
        "Approved"
    } else {
        "Rejected"
    };
    show(output, form, &answer, |output| output.line(text));
    Ok(())
}

async fn follow_up(
    client: &Client,
    id: String,
    message: String,
    files: FilesArguments,
    form: Form,
    output: &mut Output,
) -> Result<Done, Failure> {
    let mut interrupts = Interrupts::new()?;
    let out = files.out.map(Destination::open).transpose()?;
    let files = client::Files::new(files.file);
    let request = FollowUpRequest {
        message,
        ..FollowUpRequest::default()
    };
    let sent = if files.is_empty() {
        client.follow_up(&id, &request, None).await
    } else {
        client
            .follow_up_with_files(&id, &request, &files, None)
            .await
    };
    sent.map_err(failed)?;
    let (view, approvals) = match form {
        Form::Json => (View::json(), Approvals::Leave),
        Form::Text => (View::of_run(output.look()), Approvals::AskPerson),
    };
    let options = FollowOptions {
        id: id.clone(),
        view,
        interrupt: Interrupt::CancelTask,
        approvals,
    };
    let ended = follow(client, options, &mut interrupts, output).await?;
    finish(client, &id, ended, out, &mut interrupts, output).await
}

fn stream(client: &Client, id: String, form: Form, output: &mut Output) -> Result<Done, Failure> {
    let view = match form {
        Form::Json => View::json(),
        Form::Text => View::of_task(output.look()),
    };
    let runtime = runtime::small()?;
    let options = FollowOptions {
        id,
        view,
        interrupt: Interrupt::Leave,
        approvals: Approvals::Leave,
    };
    let ended = runtime.block_on(async {
        let mut interrupts = Interrupts::new()?;
        follow(client, options, &mut interrupts, output).await
    });
    runtime.shutdown_background();
    match ended? {
        Ended::Completed => Ok(Done),
        Ended::Failed => Err(Failure::Told),
    }
}

fn list_tasks(output: &mut Output, page: &Paged<TaskListItem>) {
    for item in &page.data {
        output.line(format!(
            "{}  {:<17}  {}  {}",
            item.task.id,
            item.task.status,
            item.last_activity_at,
            one_line(&item.task.message, 60)
        ));
    }
    let shown = page.pagination.offset + i64::try_from(page.data.len()).unwrap_or(i64::MAX);
    output.note(format!(
        "\x1b[2m{shown} of {}\x1b[0m",
        page.pagination.total
    ));
}

fn get_task(output: &mut Output, task: &TaskResponse) {
    output.line(format!("id:         {}", task.id));
    output.line(format!("status:     {}", task.status));
    output.line(format!("message:    {}", one_line(&task.message, 200)));
    output.line(format!("created:    {}", task.created_at));
    let times = [
        ("started:   ", &task.started_at),
        ("completed: ", &task.completed_at),
    ];
    for (name, time) in times {
        if let Some(time) = time {
            output.line(format!("{name} {time}"));
        }
    }
    if let Some(error) = &task.error {
        output.line(format!("error:      {}", one_line(error, 400)));
    }
    for call in &task.pending_approvals {
        output.line(format!(
            "waits:      {} {} {}",
            call.call_id,
            call.tool_name,
            one_line(&call.args.to_string(), 200)
        ));
    }
    if let Some(result) = &task.output {
        output.line("");
        output.line(clean(&result.content));
    }
}

fn get_history(output: &mut Output, history: &HistoryResponse) {
    for message in &history.messages {
        let who = match message.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        output.line(format!("\x1b[1m{who}\x1b[0m {}", message.created_at));
        output.line(clean(&message.content));
        output.line("");
    }
}
