//! `sigmic widgets …`

use client::{CutOff, Page};
use wire::{RotateRequest, WidgetAppRequest, WidgetAppResponse, WidgetSessionResponse};

use super::manager::{Manager, receipt, running};
use crate::args::{Common, StopTasks, WidgetCommand, WidgetsArguments};
use crate::commands::connect::block_on;
use crate::failure::{Done, Failure};
use crate::output::Output;
use crate::terminal::one_line;

/// Runs it.
pub(crate) fn run(
    common: &Common,
    arguments: WidgetsArguments,
    output: &mut Output,
) -> Result<Done, Failure> {
    let manager = &Manager::connect(common, &arguments.common)?;
    let project = &manager.project(arguments.of)?;
    let apps = Apps { manager, project };
    match arguments.command {
        WidgetCommand::List => apps.list(output)?,
        WidgetCommand::Create { name, origins } => apps.create(name, origins, output)?,
        WidgetCommand::Disable { id } => apps.change(&id, Some(false), output)?,
        WidgetCommand::Enable { id } => apps.change(&id, Some(true), output)?,
        WidgetCommand::Delete { id, tasks } => {
            let api = &manager.api;
            let cut = block_on(api.delete_app(project, &id, running(tasks)))?;
            manager.show(output, &cut, receipt);
        }
        WidgetCommand::RotateSecret { id, grace } => apps.rotate(&id, grace, output)?,
        WidgetCommand::Tokens { id } => apps.tokens(&id, output)?,
        WidgetCommand::RevokeToken { id, session, tasks } => {
            let api = &manager.api;
            let cut = block_on(api.revoke_session(project, &id, &session, running(tasks)))?;
            manager.show(output, &cut, receipt);
        }
        WidgetCommand::RevokeUser {
            id,
            end_user,
            tasks,
        } => apps.cut_off((&id, &end_user), CutOff::Revoke, tasks, output)?,
        WidgetCommand::BlockUser {
            id,
            end_user,
            tasks,
        } => apps.cut_off((&id, &end_user), CutOff::Block, tasks, output)?,
        WidgetCommand::UnblockUser { id, end_user } => {
            block_on(manager.api.unblock_end_user(project, &id, &end_user))?;
            let done = serde_json::json!({});
            manager.show(output, &done, |_| vec!["Unblocked".to_owned()]);
        }
    }
    Ok(Done)
}

/// The apps of one project.
struct Apps<'a> {
    manager: &'a Manager,
    project: &'a str,
}

impl Apps<'_> {
    fn list(&self, output: &mut Output) -> Result<(), Failure> {
        let api = &self.manager.api;
        let list = |page: Page| api.list_apps(self.project, page);
        let apps = block_on(api.all(list))?;
        let lines = |apps: &Vec<_>| apps.iter().map(line).collect();
        self.manager.show(output, &apps, lines);
        Ok(())
    }

    fn create(
        &self,
        name: String,
        origins: Vec<String>,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let request = WidgetAppRequest {
            name: Some(name),
            allowed_origins: Some(origins),
            ..WidgetAppRequest::default()
        };
        let made = block_on(self.manager.api.create_app(self.project, &request))?;
        self.manager.show(output, &made, |made| {
            vec![
                format!("App ID:     {}", made.record.app_id),
                format!("App secret: {}", made.app_secret),
                format!("Id:         {}", made.record.id),
                "The secret is shown this once. It belongs on your own server.".to_owned(),
            ]
        });
        Ok(())
    }

    fn change(&self, id: &str, enabled: Option<bool>, output: &mut Output) -> Result<(), Failure> {
        let request = WidgetAppRequest {
            enabled,
            ..WidgetAppRequest::default()
        };
        let changed = block_on(self.manager.api.update_app(self.project, id, &request))?;
        self.manager
            .show(output, &changed, |changed| vec![line(changed)]);
        Ok(())
    }

    fn rotate(
        &self,
        id: &str,
        grace_seconds: Option<i64>,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let request = RotateRequest { grace_seconds };
        let api = &self.manager.api;
        let made = block_on(api.rotate_app_secret(self.project, id, &request))?;
        self.manager.show(output, &made, |made| {
            vec![
                format!("App secret: {}", made.app_secret),
                format!(
                    "It is shown this once. The old ones work until {}.",
                    made.overlap_until
                ),
            ]
        });
        Ok(())
    }

    fn tokens(&self, id: &str, output: &mut Output) -> Result<(), Failure> {
        let api = &self.manager.api;
        let list = |page: Page| api.list_sessions(self.project, id, page);
        let tokens = block_on(api.all(list))?;
        let lines = |tokens: &Vec<_>| tokens.iter().map(token_line).collect();
        self.manager.show(output, &tokens, lines);
        Ok(())
    }

    fn cut_off(
        &self,
        (id, end_user): (&str, &str),
        cut_off: CutOff,
        tasks: StopTasks,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let api = &self.manager.api;
        let running = running(tasks);
        let cut = api.cut_off_end_user(self.project, id, end_user, cut_off, running);
        let cut = block_on(cut)?;
        self.manager.show(output, &cut, receipt);
        Ok(())
    }
}

fn line(app: &WidgetAppResponse) -> String {
    let state = if app.enabled { "enabled " } else { "disabled" };
    let name = one_line(&app.name, 60);
    let origins = one_line(&app.allowed_origins.join(" "), 100);
    format!("{}  {}  {state}  {name}  {origins}", app.id, app.app_id)
}

fn token_line(token: &WidgetSessionResponse) -> String {
    format!(
        "{}  until {}  {}",
        token.id,
        token.expires_at,
        one_line(&token.end_user_id, 100)
    )
}
