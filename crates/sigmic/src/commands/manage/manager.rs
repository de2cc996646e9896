//! Whom these commands call, and the form of their answers.

use client::{Management, Page, RunningTasks};
use serde::Serialize;
use wire::RevocationResponse;

use crate::args::{Common, ManageArguments, OfProject, StopTasks};
use crate::commands::connect::{block_on, management};
use crate::failure::Failure;
use crate::output::Output;

/// The server that is called, and the form of the answers.
pub(super) struct Manager {
    pub(super) api: Management,
    json: bool,
}

impl Manager {
    pub(super) fn connect(common: &Common, arguments: &ManageArguments) -> Result<Self, Failure> {
        Ok(Self {
            api: management(common, &arguments.server)?,
            json: arguments.json,
        })
    }

    /// The id of the project that is meant.
    pub(super) fn project(&self, of: OfProject) -> Result<String, Failure> {
        if let Some(id) = of.project {
            return Ok(id);
        }
        let list = |page: Page| self.api.list_projects(page);
        let projects = block_on(self.api.all(list))?;
        let default = projects.into_iter().find(|project| project.is_default);
        default.map(|project| project.id).ok_or_else(|| {
            Failure::Usage("there is no default project: name one with --project".to_owned())
        })
    }

    pub(super) fn show<T: Serialize>(
        &self,
        output: &mut Output,
        value: &T,
        lines: impl FnOnce(&T) -> Vec<String>,
    ) {
        if self.json {
            output.json(value);
        } else {
            for line in lines(value) {
                output.line(line);
            }
        }
    }
}

pub(super) fn running(tasks: StopTasks) -> RunningTasks {
    if tasks.stop_tasks {
        RunningTasks::Stop
    } else {
        RunningTasks::Continue
    }
}

/// What was cut off.
pub(super) fn receipt(receipt: &RevocationResponse) -> Vec<String> {
    vec![format!(
        "Cut off: {} keys, {} tokens, {} open streams; {} tasks were running",
        receipt.keys, receipt.sessions, receipt.streams, receipt.running_tasks
    )]
}
