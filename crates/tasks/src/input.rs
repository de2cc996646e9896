//! What callers give, validated once: a value of these types cannot be wrong.

use std::collections::BTreeMap;
use std::fmt;

use model::ApprovalOutcome;
use serde_json::{Map, Value};
use vault::Secret;
use zeroize::Zeroizing;

/// Bytes of a message at most.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
/// Bytes of a system prompt at most.
const MAX_PROMPT_BYTES: usize = 256 * 1024;
/// Names in `env` or `secrets` at most, each.
const MAX_VARIABLES: usize = 100;
/// Bytes of a value at most.
const MAX_VALUE_BYTES: usize = 32 * 1024;
/// Bytes of all names and values of `env` or `secrets` at most, each.
const MAX_VARIABLES_BYTES: usize = 256 * 1024;
/// Labels in `metadata` at most.
const MAX_LABELS: usize = 64;
/// Bytes of a label's name or value at most.
const MAX_LABEL_BYTES: usize = 2_048;
/// Names that would break the sandbox; see also [`is_reserved`].
const RESERVED: [&str; 9] = [
    "PATH",
    "HOME",
    "SHELL",
    "USER",
    "PWD",
    "IFS",
    "ENV",
    "BASH_ENV",
    "NODE_USE_ENV_PROXY",
];

/// What is wrong with a field. The text is for the caller and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// A field has a value that it cannot have.
    #[error("{0}")]
    Field(String),
    /// A name or value in `env` or `secrets` cannot be used.
    #[error("{0}")]
    Variable(String),
}

/// A message: not blank, at most 1 MiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageText(String);

impl MessageText {
    /// Takes a text.
    ///
    /// # Errors
    /// When it is blank or too long.
    pub fn new(text: impl Into<String>) -> Result<Self, InputError> {
        let text = text.into();
        if text.trim().is_empty() {
            return Err(InputError::Field(
                "`message` is required and must not be blank".to_owned(),
            ));
        }
        if text.len() > MAX_MESSAGE_BYTES {
            return Err(InputError::Field(format!(
                "`message` is longer than {MAX_MESSAGE_BYTES} bytes"
            )));
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A system prompt of at most 256 KiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemPrompt(String);

impl SystemPrompt {
    /// Takes a text.
    ///
    /// # Errors
    /// When it is too long.
    pub fn new(text: impl Into<String>) -> Result<Self, InputError> {
        let text = text.into();
        if text.len() > MAX_PROMPT_BYTES {
            return Err(InputError::Field(format!(
                "`systemPrompt` is longer than {MAX_PROMPT_BYTES} bytes"
            )));
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Environment variables, in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Env(Vec<(String, String)>);

impl Env {
    /// Reads an object of texts.
    ///
    /// # Errors
    /// [`InputError::Variable`] for whatever cannot be a variable of the sandbox.
    pub fn parse(value: &Value) -> Result<Self, InputError> {
        Ok(Self(variables("env", value)?))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The variables.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The object as it came.
    pub fn to_value(&self) -> Value {
        let fields = self
            .0
            .iter()
            .map(|(name, value)| (name.clone(), Value::String(value.clone())));
        Value::Object(fields.collect::<Map<_, _>>())
    }
}

/// Secret environment variables. Never stored, never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(Vec<(String, Secret)>);

impl Secrets {
    /// Reads an object of texts.
    ///
    /// # Errors
    /// [`InputError::Variable`] for whatever cannot be a variable of the sandbox; the text names
    /// the variable, never its value.
    pub fn parse(value: &Value) -> Result<Self, InputError> {
        let variables = variables("secrets", value)?;
        Ok(Self(
            variables
                .into_iter()
                .map(|(name, value)| (name, Secret::new(value)))
                .collect(),
        ))
    }

    /// The names, which may be stored and shown.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values, for masks and commands.
    pub(crate) fn expose(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose_secret()))
    }

    /// The values, still wrapped.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Secret> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The object as it came, for sealing.
    pub(crate) fn expose_json(&self) -> Zeroizing<String> {
        let fields: BTreeMap<&str, &str> = self.expose().collect();
        Zeroizing::new(serde_json::to_string(&fields).expect("an object of texts is JSON"))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

/// The caller's own labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata(Value);

impl Metadata {
    /// Reads an object of texts: at most 64 labels of at most 2 KiB.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(value: Value) -> Result<Self, InputError> {
        let wrong = |what: &str| InputError::Field(format!("`metadata` {what}"));
        let fields = value
            .as_object()
            .ok_or_else(|| wrong("must be an object of texts"))?;
        if fields.len() > MAX_LABELS {
            return Err(wrong("has too many labels"));
        }
        for (name, label) in fields {
            let label = label
                .as_str()
                .ok_or_else(|| wrong("must be an object of texts"))?;
            if name.len() > MAX_LABEL_BYTES || label.len() > MAX_LABEL_BYTES {
                return Err(wrong("has a label that is too long"));
            }
        }
        Ok(Self(value))
    }

    /// The object as it came.
    pub fn into_value(self) -> Value {
        self.0
    }
}

/// A number from 1.
///
/// # Errors
/// When it is less than 1 or more than `most`.
pub fn positive(name: &str, number: i64, most: i64) -> Result<i64, InputError> {
    if (1..=most).contains(&number) {
        Ok(number)
    } else {
        Err(InputError::Field(format!(
            "`{name}` must be a whole number from 1 to {most}"
        )))
    }
}

/// What a person decided, by its wire name.
///
/// # Errors
/// When it is none of the five.
pub fn parse_outcome(name: &str) -> Result<ApprovalOutcome, InputError> {
    match name {
        "proceed_once" => Ok(ApprovalOutcome::ProceedOnce),
        "proceed_always" => Ok(ApprovalOutcome::ProceedAlways),
        "proceed_always_tool" => Ok(ApprovalOutcome::ProceedAlwaysTool),
        "proceed_always_server" => Ok(ApprovalOutcome::ProceedAlwaysServer),
        "cancel" => Ok(ApprovalOutcome::Cancel),
        _ => Err(InputError::Field(
            "`outcome` must be `proceed_once`, `proceed_always` or `cancel`".to_owned(),
        )),
    }
}

fn variables(field: &str, value: &Value) -> Result<Vec<(String, String)>, InputError> {
    let wrong = |text: String| Err(InputError::Variable(text));
    let Some(fields) = value.as_object() else {
        return wrong(format!("`{field}` must be an object of texts"));
    };
    if fields.len() > MAX_VARIABLES {
        return wrong(format!("`{field}` has more than {MAX_VARIABLES} names"));
    }
    let mut variables = Vec::with_capacity(fields.len());
    let mut bytes = 0;
    for (name, value) in fields {
        if !is_name(name) {
            return wrong(format!(
                "`{field}` has a name that is not of the form [A-Za-z_][A-Za-z0-9_]*"
            ));
        }
        if is_reserved(name) {
            return wrong(format!("`{field}` must not set {name}"));
        }
        let Some(value) = value.as_str() else {
            return wrong(format!("`{field}`: the value of {name} is not a text"));
        };
        if value.contains('\0') || value.len() > MAX_VALUE_BYTES {
            return wrong(format!(
                "`{field}`: the value of {name} is longer than {MAX_VALUE_BYTES} bytes or holds a NUL"
            ));
        }
        bytes += name.len() + value.len();
        variables.push((name.clone(), value.to_owned()));
    }
    if bytes > MAX_VARIABLES_BYTES {
        return wrong(format!(
            "`{field}` is larger than {MAX_VARIABLES_BYTES} bytes"
        ));
    }
    Ok(variables)
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.len() <= 256
}

fn is_reserved(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let proxy = matches!(
        upper.as_str(),
        "HTTP_PROXY" | "HTTPS_PROXY" | "ALL_PROXY" | "NO_PROXY" | "FTP_PROXY"
    );
    RESERVED.contains(&name) || name.starts_with("LD_") || proxy
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn variables_that_would_break_the_sandbox_are_refused() {
        for name in [
            "1X",
            "A B",
            "",
            "A-B",
            "PATH",
            "LD_PRELOAD",
            "https_proxy",
            "HTTP_PROXY",
            "BASH_ENV",
            "É",
        ] {
            assert!(Env::parse(&json!({name: "x"})).is_err(), "{name}");
        }
        for value in [
            json!(1),
            json!(null),
            json!({}),
            json!("a\0b"),
            json!("x".repeat(MAX_VALUE_BYTES + 1)),
        ] {
            assert!(Env::parse(&json!({"A": value})).is_err());
        }
        assert!(Env::parse(&json!([])).is_err());
        assert_eq!(
            Env::parse(&json!({"A": "x", "_b1": ""}))
                .unwrap()
                .to_value(),
            json!({"A": "x", "_b1": ""})
        );
    }

    #[test]
    fn a_secret_is_never_printed() {
        let secrets = Secrets::parse(&json!({"TOKEN": "hunter2hunter2"})).unwrap();
        assert_eq!(format!("{secrets:?}"), r#"["TOKEN"]"#);
        let error = Secrets::parse(&json!({"TOKEN": 12_345_678})).unwrap_err();
        assert!(!error.to_string().contains("12345678"));
    }
}
