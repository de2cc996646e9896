//! `sigmic admin signing-keys …`.

use auth::{SigningKeyInfo, SigningKeys};
use model::Caller;
use serde_json::{Value, json};

use super::command::Answer;
use crate::args::SigningKeyCommand;
use crate::failure::Failure;
use crate::instance::Instance;

/// Runs it. Servers that run on the database follow within a second.
pub(super) async fn run(
    instance: &Instance,
    command: SigningKeyCommand,
) -> Result<Answer, Failure> {
    let keys = instance.signing.as_ref().ok_or_else(|| {
        Failure::Usage("signing is switched off (SIGMIC_SIGNING=off): there are no keys".to_owned())
    })?;
    let changed = match command {
        SigningKeyCommand::List => Ok(()),
        SigningKeyCommand::Rotate => keys.rotate(Caller::OPERATOR).await,
        SigningKeyCommand::Revoke { kid } => keys.revoke(&kid, Caller::OPERATOR).await,
    };
    changed.map_err(anyhow::Error::from)?;
    list(keys).await
}

async fn list(keys: &SigningKeys) -> Result<Answer, Failure> {
    let keys = keys.list().await.map_err(anyhow::Error::from)?;
    Ok(Answer {
        json: keys.iter().map(key_json).collect(),
        text: keys.iter().map(key_line).collect(),
    })
}

fn key_json(key: &SigningKeyInfo) -> Value {
    json!({
        "kid": key.kid,
        "state": key.state.as_str(),
        "createdAt": key.created_at.to_string(),
        "changedAt": key.changed_at.to_string(),
    })
}

fn key_line(key: &SigningKeyInfo) -> String {
    let state = key.state.as_str();
    format!("{}  {state:<8}  since {}", key.kid, key.changed_at)
}
