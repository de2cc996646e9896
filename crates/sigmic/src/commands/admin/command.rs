//! One operator command: what it needs opened, what it does, what it answers.

use std::path::Path;

use model::{ApiKeyId, KeyClass, OrganizationId, Scope, Timestamp};
use serde_json::{Value, json};
use store::{ApiKey, OpenMode};
use tenancy::{AdminError, BootstrapOutcome, NewKey, NewWidget};

use super::{audit, master_key, people, signing_keys, usage, widgets};
use crate::args::{AdminArguments, AdminCommand, Common, KeyCommand};
use crate::commands::runtime;
use crate::failure::{Done, Failure};
use crate::instance::{Instance, Schema};
use crate::logging;
use crate::output::Output;
use crate::settings::Settings;

/// What a command answers: an object for programs, lines for people.
pub(super) struct Answer {
    pub(super) json: Value,
    pub(super) text: Vec<String>,
}

/// Runs it.
pub(crate) fn run(
    common: Common,
    arguments: AdminArguments,
    output: &mut Output,
) -> Result<Done, Failure> {
    let sources = common.sources(Vec::new());
    let settings = sources.load()?.settings;
    let filter = sources.variable("RUST_LOG");
    logging::begin(filter, "warn", settings.log_format, &settings.secrets)?;
    let runtime = runtime::small()?;
    let answer = runtime.block_on(answer(&settings, arguments.command))?;
    if arguments.json {
        output.json(&answer.json);
    } else {
        for line in answer.text {
            output.line(line);
        }
    }
    Ok(Done)
}

/// How a command opens the database: a server that runs would go on with an old master key.
fn needs(command: &AdminCommand) -> (OpenMode, Schema) {
    match command {
        AdminCommand::Bootstrap { .. } | AdminCommand::Migrate => {
            (OpenMode::Beside, Schema::Migrate)
        }
        AdminCommand::RotateMasterKey { .. } => (OpenMode::Serve, Schema::Require),
        AdminCommand::ResetPassword(_)
        | AdminCommand::ResetSecondFactor { .. }
        | AdminCommand::CreateProject { .. }
        | AdminCommand::CreateKey { .. }
        | AdminCommand::Keys { .. }
        | AdminCommand::CreateWidgetApp { .. }
        | AdminCommand::SigningKeys { .. }
        | AdminCommand::Audit { .. }
        | AdminCommand::SetLimits { .. }
        | AdminCommand::SetPrice { .. }
        | AdminCommand::Backup { .. } => (OpenMode::Beside, Schema::Require),
    }
}

async fn answer(settings: &Settings, command: AdminCommand) -> Result<Answer, Failure> {
    let (mode, schema) = needs(&command);
    let instance = Instance::open(settings, mode, schema).await?;
    let answer = carry_out(settings, &instance, command).await;
    instance.store.close().await;
    answer
}

async fn carry_out(
    settings: &Settings,
    instance: &Instance,
    command: AdminCommand,
) -> Result<Answer, Failure> {
    match command {
        AdminCommand::Bootstrap { owner } => bootstrap(settings, instance, &owner).await,
        AdminCommand::ResetPassword(wanted) => {
            people::reset_password(settings, instance, &wanted).await
        }
        AdminCommand::ResetSecondFactor { email } => {
            people::reset_second_factor(instance, &email).await
        }
        AdminCommand::CreateProject { name } => create_project(instance, &name).await,
        AdminCommand::CreateKey {
            project,
            name,
            expires,
            class,
            scopes,
        } => {
            let (organization_id, owner) = organization(instance).await?;
            let new = NewKey {
                organization_id,
                project_id: project.map(|id| parse("project", &id)).transpose()?,
                class: class.into(),
                name,
                scopes: parse_scopes(&scopes)?,
                cidrs: Vec::new(),
                limits: None,
                expires_at: expires.map(|time| parse_time(&time)).transpose()?,
                created_by: owner,
            };
            create_key(instance, new).await
        }
        AdminCommand::Keys { command } => keys(instance, command).await,
        AdminCommand::CreateWidgetApp {
            project,
            name,
            origins,
        } => {
            let (organization_id, owner) = organization(instance).await?;
            let project_id = parse("project", &project)?;
            let new = NewWidget {
                name,
                allowed_origins: origins,
                ..NewWidget::default()
            };
            widgets::create(instance, organization_id, project_id, new, &owner).await
        }
        AdminCommand::SigningKeys { command } => signing_keys::run(instance, command).await,
        AdminCommand::SetLimits(arguments) => usage::set_limits(instance, arguments).await,
        AdminCommand::SetPrice(arguments) => usage::set_price(instance, arguments).await,
        AdminCommand::Audit { command } => audit::run(instance, command).await,
        AdminCommand::RotateMasterKey { new_key_file } => {
            master_key::rotate(instance, settings, new_key_file).await
        }
        AdminCommand::Migrate => Ok(Answer {
            json: json!({"migrated": true}),
            text: vec!["The database is up to date".to_owned()],
        }),
        AdminCommand::Backup { to } => backup(instance, &to).await,
    }
}

async fn backup(instance: &Instance, to: &Path) -> Result<Answer, Failure> {
    let path = std::path::absolute(to).map_err(anyhow::Error::from)?;
    let done = instance.store.backup(path.clone()).await;
    done.map_err(anyhow::Error::from)?;
    Ok(Answer {
        json: json!({"path": path}),
        text: vec![format!("Copied the database to {}", path.display())],
    })
}

async fn bootstrap(
    settings: &Settings,
    instance: &Instance,
    owner: &str,
) -> Result<Answer, Failure> {
    let keys = [(KeyClass::Project, "bootstrap")];
    let made = instance.admin.bootstrap(owner, &keys).await;
    let BootstrapOutcome {
        organization,
        project,
        keys,
    } = made.map_err(refused)?;
    let key = keys.first().map(|minted| minted.key.expose_key());
    let link = people::owner_link(settings, instance, &organization).await?;
    Ok(Answer {
        json: json!({
            "organizationId": organization.id.to_string(),
            "projectId": project.id.to_string(),
            "ownerEmail": organization.owner_name,
            "signInLink": link,
            "apiKey": key,
        }),
        text: vec![
            format!(
                "Organization: {} ({})",
                organization.id, organization.owner_name
            ),
            format!("Project:      {} ({})", project.id, project.name),
            format!("API key:      {}", key.unwrap_or_default()),
            format!("Sign in:      {link}"),
            "Key and link are shown this once; they replace those that this command printed before."
                .to_owned(),
        ],
    })
}

async fn create_project(instance: &Instance, name: &str) -> Result<Answer, Failure> {
    let (organization_id, _) = organization(instance).await?;
    let made = instance.admin.create_project(organization_id, name).await;
    let project = made.map_err(refused)?;
    Ok(Answer {
        json: json!({
            "id": project.id.to_string(),
            "name": project.name,
            "organizationId": organization_id.to_string(),
            "createdAt": project.created_at.to_string(),
        }),
        text: vec![format!("Project {} ({})", project.id, project.name)],
    })
}

async fn create_key(instance: &Instance, new: NewKey) -> Result<Answer, Failure> {
    let minted = instance.admin.create_key(new).await.map_err(refused)?;
    let plain = minted.key.expose_key();
    let mut json = key_json(&minted.record);
    json["key"] = json!(plain);
    Ok(Answer {
        json,
        text: vec![
            format!("Key {} ({})", minted.record.id, minted.record.name),
            plain.to_owned(),
            "It is shown this once.".to_owned(),
        ],
    })
}

async fn keys(instance: &Instance, command: KeyCommand) -> Result<Answer, Failure> {
    let (organization_id, _) = organization(instance).await?;
    let admin = &instance.admin;
    let (id, done, status) = match command {
        KeyCommand::List { project } => {
            let project = project.map(|id| parse("project", &id)).transpose()?;
            let keys = admin.list_keys(organization_id, project).await;
            let keys = keys.map_err(refused)?;
            return Ok(Answer {
                json: keys.iter().map(key_json).collect(),
                text: keys.iter().map(key_line).collect(),
            });
        }
        KeyCommand::Disable { id } => {
            let id: ApiKeyId = parse("key", &id)?;
            (id, admin.disable_key(organization_id, id).await, "disabled")
        }
        KeyCommand::Enable { id } => {
            let id: ApiKeyId = parse("key", &id)?;
            (id, admin.enable_key(organization_id, id).await, "active")
        }
        KeyCommand::Revoke { id, reason } => {
            let id: ApiKeyId = parse("key", &id)?;
            let done = admin.revoke_key(organization_id, id, reason).await;
            (id, done, "revoked")
        }
    };
    done.map_err(refused)?;
    Ok(Answer {
        json: json!({"id": id.to_string(), "status": status}),
        text: vec![format!("Key {id} is {status}")],
    })
}

/// The organization and its owner.
pub(super) async fn organization(instance: &Instance) -> Result<(OrganizationId, String), Failure> {
    let found = instance.store.find_default_organization().await;
    let found = found.map_err(anyhow::Error::from)?;
    let organization = found.ok_or_else(|| {
        anyhow::anyhow!("there is no organization yet: run `sigmic admin bootstrap`")
    })?;
    Ok((organization.id, organization.owner_name))
}

/// What cannot be asked for is wrong usage; what is not there, or not now, is a failure.
fn refused(error: AdminError) -> Failure {
    match error {
        AdminError::InvalidName(_)
        | AdminError::InvalidCidr(_)
        | AdminError::TooManyCidrs(_)
        | AdminError::InvalidScope
        | AdminError::InvalidProject => Failure::Usage(error.to_string()),
        AdminError::NotFound
        | AdminError::NameTaken
        | AdminError::DefaultProject
        | AdminError::Replaced
        | AdminError::Store(_) => Failure::Failed(error.into()),
    }
}

fn parse<T: std::str::FromStr>(what: &str, id: &str) -> Result<T, Failure> {
    id.parse()
        .map_err(|_| Failure::Usage(format!("{id:?} is not the id of a {what}")))
}

fn parse_time(text: &str) -> Result<Timestamp, Failure> {
    Timestamp::parse_iso(text).ok_or_else(|| {
        Failure::Usage(format!(
            "{text:?} is not a time such as 2027-01-01T00:00:00Z"
        ))
    })
}

fn parse_scopes(names: &[String]) -> Result<Option<Vec<Scope>>, Failure> {
    if names.is_empty() {
        return Ok(None);
    }
    let known = || Scope::ALL.map(Scope::as_str).join(", ");
    let scope = |name: &String| {
        Scope::parse(name).ok_or_else(|| {
            Failure::Usage(format!("{name:?} is not a scope; there are: {}", known()))
        })
    };
    names.iter().map(scope).collect::<Result<_, _>>().map(Some)
}

/// What may be shown of a key.
fn key_json(key: &ApiKey) -> Value {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    json!({
        "id": key.id.to_string(),
        "name": key.name,
        "prefix": key.prefix,
        "class": key.class.as_str(),
        "projectId": key.project_id.map(|id| id.to_string()),
        "scopes": scopes,
        "status": key.status.as_str(),
        "createdBy": key.created_by,
        "createdAt": key.created_at.to_string(),
        "expiresAt": key.expires_at.map(|at| at.to_string()),
        "lastUsedAt": key.last_used_at.map(|at| at.to_string()),
        "revokedAt": key.revoked_at.map(|at| at.to_string()),
        "revokeReason": key.revoke_reason,
    })
}

fn key_line(key: &ApiKey) -> String {
    let used = key
        .last_used_at
        .map_or_else(|| "never used".to_owned(), |at| format!("used {at}"));
    format!(
        "{}  {}…  {:<10}  {:<8}  {used}  {}",
        key.id,
        key.prefix,
        key.class.as_str(),
        key.status.as_str(),
        key.name
    )
}
