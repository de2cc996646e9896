//! Where values come from: the file, the environment, the flags. Each becomes a layer over the
//! ones before it.

use std::path::Path;

use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};

use super::SettingsError;
use super::table::{Kind, OIDC, SETTINGS, Setting, VARIABLES, find, nearest};

/// Values of one origin.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    origin: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// The values of a configuration file.
pub(super) fn file_layer(path: &Path, text: &str) -> Result<Layer, SettingsError> {
    let origin = path.display().to_string();
    let table: toml::Table = toml::from_str(text).map_err(|error| SettingsError::Syntax {
        origin: origin.clone(),
        // Not the whole error: it quotes the line, which may hold a secret.
        message: error.message().to_owned(),
        line: error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(1, |before| before.matches('\n').count() + 1),
    })?;
    check_keys(&origin, "", &table)?;
    let values = Value::serialize(&table)
        .ok()
        .and_then(Value::into_dict)
        .unwrap_or_default();
    Ok(Layer { origin, values })
}

fn check_keys(origin: &str, prefix: &str, table: &toml::Table) -> Result<(), SettingsError> {
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        if find(&key).is_some() {
            continue;
        }
        if key == "oidc" {
            check_services(origin, value)?;
            continue;
        }
        let section = format!("{key}.");
        let is_section = SETTINGS.iter().any(|known| known.key.starts_with(&section));
        match value {
            toml::Value::Table(inner) if is_section => check_keys(origin, &section, inner)?,
            toml::Value::String(_)
            | toml::Value::Integer(_)
            | toml::Value::Float(_)
            | toml::Value::Boolean(_)
            | toml::Value::Datetime(_)
            | toml::Value::Array(_)
            | toml::Value::Table(_) => {
                let known = SETTINGS.iter().map(|setting| setting.key);
                let nearest = nearest(&key, known).map(str::to_owned);
                return Err(SettingsError::UnknownKey {
                    origin: origin.to_owned(),
                    key,
                    nearest,
                });
            }
        }
    }
    Ok(())
}

/// The keys of the tables `[[oidc]]`. What is no table is refused with the values.
fn check_services(origin: &str, value: &toml::Value) -> Result<(), SettingsError> {
    let tables = value.as_array().into_iter().flatten();
    let names = tables
        .filter_map(toml::Value::as_table)
        .flat_map(toml::Table::keys);
    let known = || OIDC.iter().map(|(key, _)| *key);
    for name in names {
        if !known().any(|key| key == name) {
            return Err(SettingsError::UnknownKey {
                origin: origin.to_owned(),
                key: format!("oidc.{name}"),
                nearest: nearest(name, known()).map(|name| format!("oidc.{name}")),
            });
        }
    }
    Ok(())
}

/// The values of the environment, and warnings about names that look like ours and are not. A
/// variable that is set to nothing counts as not set.
pub(super) fn environment_layer(
    variables: &[(String, String)],
) -> Result<(Layer, Vec<String>), SettingsError> {
    let mut values = Dict::new();
    let mut warnings = Vec::new();
    for (name, text) in variables {
        match SETTINGS.iter().find(|setting| setting.variable == name) {
            Some(_) if text.is_empty() => {}
            Some(setting) => insert(&mut values, setting.key, parse(setting, name, text)?),
            None if !name.starts_with("SIGMIC_") || is_other(name) => {}
            None => {
                let known = SETTINGS.iter().map(|setting| setting.variable);
                let meant = nearest(name, known)
                    .map_or_else(String::new, |meant| format!(" (did you mean {meant}?)"));
                warnings.push(format!("nothing reads the variable {name}{meant}"));
            }
        }
    }
    let origin = "the environment".to_owned();
    Ok((Layer { origin, values }, warnings))
}

fn is_other(name: &str) -> bool {
    VARIABLES.iter().any(|variable| variable.name == name)
}

/// The values of flags: keys of the table with their texts.
pub(super) fn flag_layer(flags: &[(&'static str, String)]) -> Result<Layer, SettingsError> {
    let mut values = Dict::new();
    for (key, text) in flags {
        let setting = find(key).ok_or(SettingsError::UnknownKey {
            origin: "the flags".to_owned(),
            key: (*key).to_owned(),
            nearest: None,
        })?;
        insert(&mut values, key, parse(setting, key, text)?);
    }
    let origin = "the flags".to_owned();
    Ok(Layer { origin, values })
}

fn parse(setting: &Setting, name: &str, text: &str) -> Result<Value, SettingsError> {
    let wrong = |expected| SettingsError::Value {
        name: name.to_owned(),
        expected,
    };
    Ok(match setting.kind {
        Kind::Text => Value::from(text),
        Kind::Integer => Value::from(
            text.trim()
                .parse::<u64>()
                .map_err(|_| wrong("a whole number"))?,
        ),
        Kind::Switch => Value::from(match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => true,
            "false" | "0" | "no" | "off" => false,
            _ => return Err(wrong("`true` or `false`")),
        }),
        Kind::List => {
            let words = text.split(',').map(str::trim);
            Value::from(
                words
                    .filter(|word| !word.is_empty())
                    .map(Value::from)
                    .collect::<Vec<_>>(),
            )
        }
    })
}

fn insert(values: &mut Dict, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            values.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let inner = values
                .entry(section.to_owned())
                .or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}
