//! `sigmic projects …`

use client::Page;
use wire::{ProjectRequest, ProjectResponse};

use super::manager::Manager;
use crate::args::{Common, ProjectCommand, ProjectsArguments};
use crate::commands::connect::block_on;
use crate::failure::{Done, Failure};
use crate::output::Output;
use crate::terminal::one_line;

/// Runs it.
pub(crate) fn run(
    common: &Common,
    arguments: ProjectsArguments,
    output: &mut Output,
) -> Result<Done, Failure> {
    let manager = Manager::connect(common, &arguments.common)?;
    let api = &manager.api;
    match arguments.command {
        ProjectCommand::List => {
            let list = |page: Page| api.list_projects(page);
            let projects = block_on(api.all(list))?;
            manager.show(output, &projects, |projects| {
                projects.iter().map(line).collect()
            });
        }
        ProjectCommand::Create { name } => {
            let made = block_on(api.create_project(&ProjectRequest { name }))?;
            manager.show(output, &made, |made| vec![line(made)]);
        }
        ProjectCommand::Rename { id, name } => {
            let renamed = block_on(api.rename_project(&id, &ProjectRequest { name }))?;
            manager.show(output, &renamed, |renamed| vec![line(renamed)]);
        }
    }
    Ok(Done)
}

fn line(project: &ProjectResponse) -> String {
    let default = if project.is_default {
        "  (default)"
    } else {
        ""
    };
    format!("{}  {}{default}", project.id, one_line(&project.name, 100))
}
