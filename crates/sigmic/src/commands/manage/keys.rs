//! `sigmic keys …`

use client::Page;
use model::KeyClass;
use wire::{
    ApiKeyResponse, CreateApiKeyRequest, CreatedApiKeyResponse, RateLimitResponse, RotateRequest,
    RotatedApiKeyResponse, UpdateApiKeyRequest,
};

use super::manager::{Manager, receipt, running};
use crate::args::{Common, KeysArguments, KeysCommand};
use crate::commands::connect::block_on;
use crate::failure::{Done, Failure};
use crate::output::Output;
use crate::terminal::one_line;

/// Runs it.
pub(crate) fn run(
    common: &Common,
    arguments: KeysArguments,
    output: &mut Output,
) -> Result<Done, Failure> {
    let manager = &Manager::connect(common, &arguments.common)?;
    let project = &manager.project(arguments.of)?;
    let api = &manager.api;
    match arguments.command {
        KeysCommand::List => {
            let list = |page: Page| api.list_keys(project, page);
            let keys = block_on(api.all(list))?;
            manager.show(output, &keys, |keys| keys.iter().map(line).collect());
        }
        KeysCommand::Create {
            name,
            expires,
            class,
            scopes,
            cidrs,
            per_minute,
        } => {
            let request = CreateApiKeyRequest {
                name,
                expires_at: expires,
                class: Some(KeyClass::from(class).as_str().to_owned()),
                scopes: Some(scopes).filter(|scopes| !scopes.is_empty()),
                cidrs: Some(cidrs).filter(|cidrs| !cidrs.is_empty()),
                rate_limit: per_minute.map(|per_minute| RateLimitResponse { per_minute }),
            };
            let made = block_on(api.create_key(project, &request))?;
            manager.show(output, &made, created);
        }
        KeysCommand::Disable { id } => change(manager, project, &id, Some(false), output)?,
        KeysCommand::Enable { id } => change(manager, project, &id, Some(true), output)?,
        KeysCommand::Revoke { id, tasks } => {
            let cut = block_on(api.revoke_key(project, &id, running(tasks)))?;
            manager.show(output, &cut, receipt);
        }
        KeysCommand::Rotate { id, grace } => {
            let request = RotateRequest {
                grace_seconds: grace,
            };
            let made = block_on(api.rotate_key(project, &id, &request))?;
            manager.show(output, &made, rotated);
        }
    }
    Ok(Done)
}

fn change(
    manager: &Manager,
    project: &str,
    id: &str,
    enabled: Option<bool>,
    output: &mut Output,
) -> Result<(), Failure> {
    let request = UpdateApiKeyRequest {
        enabled,
        ..UpdateApiKeyRequest::default()
    };
    let changed = block_on(manager.api.update_key(project, id, &request))?;
    manager.show(output, &changed, |changed| vec![line(changed)]);
    Ok(())
}

fn line(key: &ApiKeyResponse) -> String {
    let state = if key.enabled { "enabled " } else { "disabled" };
    let used = key.last_used_at.as_deref().unwrap_or("never used");
    format!(
        "{}  {}…  {:<10}  {state}  {used}  {}",
        key.id,
        key.prefix,
        key.class,
        one_line(&key.name, 100)
    )
}

fn created(made: &CreatedApiKeyResponse) -> Vec<String> {
    vec![
        format!("Key: {}", made.key),
        format!("Id:  {}", made.record.id),
        "The key is shown this once.".to_owned(),
    ]
}

fn rotated(made: &RotatedApiKeyResponse) -> Vec<String> {
    let mut lines = vec![
        format!("Key: {}", made.key),
        format!("Id:  {}", made.id),
        format!(
            "The key is shown this once. The old one works until {}.",
            made.overlap_until
        ),
    ];
    let callers = made.recent_callers.iter();
    lines.extend(callers.map(|caller| {
        format!(
            "Old key was used from {} at {}",
            caller.ip, caller.last_used_at
        )
    }));
    lines
}
