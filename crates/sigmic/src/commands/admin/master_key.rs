//! `sigmic admin rotate-master-key`.

use std::path::PathBuf;

use anyhow::Context as _;
use auth::{Rotated, change_master_key};
use serde_json::json;
use vault::{MasterKey, MasterKeySource, Vault};

use super::command::Answer;
use crate::failure::Failure;
use crate::instance::{Instance, next_master_key, take_next_master_key};
use crate::settings::Settings;

/// Seals what lies under the master key with another one: with a fresh one in the place of the
/// server's own file, or with the one in `new_key_file`, which the operator then configures.
pub(super) async fn rotate(
    instance: &Instance,
    settings: &Settings,
    new_key_file: Option<PathBuf>,
) -> Result<Answer, Failure> {
    let random = &*instance.random;
    let (new, own) = match (&settings.master_key, new_key_file) {
        (_, Some(path)) => {
            let source = MasterKeySource::ProvidedFile(path);
            (
                MasterKey::load(&source, random).map_err(anyhow::Error::from)?,
                None,
            )
        }
        (MasterKeySource::OwnFile(path), None) => {
            let next = next_master_key(path);
            // One that was left behind before the database had changed belongs to nothing.
            match std::fs::remove_file(&next) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(anyhow::Error::new(error)
                        .context("remove an old draft")
                        .into());
                }
                Ok(()) | Err(_) => {}
            }
            let new = MasterKey::create(&next, random).map_err(anyhow::Error::from)?;
            (new, Some(path))
        }
        (
            MasterKeySource::ProvidedFile(_)
            | MasterKeySource::Value(_)
            | MasterKeySource::Command(_),
            None,
        ) => {
            return Err(Failure::Usage(
                "the master key is not the server's own file: name the new one with --new-key-file"
                    .to_owned(),
            ));
        }
    };
    let new = Vault::new(&new);
    let rotated = change_master_key(&instance.store, &instance.vault, &new, random);
    let rotated = rotated.await.context("change the master key")?;
    if let Some(path) = own {
        take_next_master_key(path)?;
    }
    Ok(answer(rotated))
}

fn answer(rotated: Rotated) -> Answer {
    let Rotated {
        secrets,
        signing_keys,
        data_keys,
    } = rotated;
    Answer {
        json: json!({"secrets": secrets, "signingKeys": signing_keys, "dataKeys": data_keys}),
        text: vec![format!(
            "Sealed under the new master key: {secrets} secrets of the instance, {signing_keys} \
             signing keys, {data_keys} keys of organizations"
        )],
    }
}
