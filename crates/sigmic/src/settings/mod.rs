//! Settings: defaults, then the file, then the environment, then flags. What they mean is decided
//! here once; the rest of the program gets values that cannot be wrong.

mod layers;
mod raw;
mod reference;
mod resolve;
mod service;
mod table;

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::error::Kind;

pub(crate) use reference::configuration_page;
pub(crate) use resolve::{Database, LogFormat, Settings, Signing};

/// What was said by whom.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// Every variable of the environment.
    pub(crate) environment: Vec<(String, String)>,
    /// Keys of the table with the texts of flags.
    pub(crate) flags: Vec<(&'static str, String)>,
    /// The file that a flag names.
    pub(crate) config: Option<PathBuf>,
}

/// The settings, and what to warn about.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    pub(crate) warnings: Vec<String>,
}

/// Why there are no settings. No variant shows a value: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("cannot read the configuration file {}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{origin}, line {line}: {message}")]
    Syntax {
        origin: String,
        line: usize,
        message: String,
    },
    #[error("{origin}: there is no setting `{key}`{}", did_you_mean(nearest.as_deref()))]
    UnknownKey {
        origin: String,
        key: String,
        nearest: Option<String>,
    },
    #[error("{name} must be {expected}")]
    Value {
        name: String,
        expected: &'static str,
    },
    #[error("`{key}` in {origin}: {problem}")]
    Type {
        key: String,
        origin: String,
        problem: String,
    },
    #[error("{0}")]
    Meaning(String),
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

impl Sources {
    /// The process's environment, with these flags.
    pub(crate) fn of_process(flags: Vec<(&'static str, String)>, config: Option<PathBuf>) -> Self {
        // What is not UTF-8 cannot be one of ours.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            environment,
            flags,
            config,
        }
    }

    /// The value of a variable that is set to something.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let found = self.environment.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Where the file is: a named one must exist; else the user's, else the machine's. Never the
    /// working directory: a file there may be anybody's, and one setting is a shell command.
    fn file(&self) -> Option<PathBuf> {
        let named = self.config.clone();
        let named = named.or_else(|| self.variable("SIGMIC_CONFIG").map(PathBuf::from));
        if named.is_some() {
            return named;
        }
        let user = self
            .variable("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(Path::new(self.variable("HOME")?).join(".config")))
            .map(|directory| directory.join("sigmic/sigmic.toml"));
        let mut candidates = user.into_iter().chain(["/etc/sigmic/sigmic.toml".into()]);
        candidates.find(|path| path.exists())
    }

    /// Puts it all together.
    ///
    /// # Errors
    /// [`SettingsError`]: what is wrong, where, and how it is meant to be.
    pub(crate) fn load(&self) -> Result<Loaded, SettingsError> {
        let defaults = figment::providers::Serialized::defaults(raw::RawSettings::default());
        let mut figment = Figment::from(defaults);
        if let Some(path) = self.file() {
            let text = std::fs::read_to_string(&path).map_err(|source| SettingsError::File {
                path: path.clone(),
                source,
            })?;
            figment = figment.merge(layers::file_layer(&path, &text)?);
        }
        let (environment, warnings) = layers::environment_layer(&self.environment)?;
        let figment = figment
            .merge(environment)
            .merge(layers::flag_layer(&self.flags)?);
        let raw = figment.extract().map_err(|error| of_figment(&error))?;
        Ok(Loaded {
            settings: Settings::resolve(raw, self)?,
            warnings,
        })
    }
}

/// Says which setting is wrong without saying its value.
fn of_figment(error: &figment::Error) -> SettingsError {
    let problem = match &error.kind {
        Kind::InvalidType(_, expected)
        | Kind::InvalidValue(_, expected)
        | Kind::InvalidLength(_, expected) => format!("expected {expected}"),
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => "out of range".to_owned(),
        Kind::Message(_)
        | Kind::UnknownVariant(..)
        | Kind::UnknownField(..)
        | Kind::MissingField(_)
        | Kind::DuplicateField(_)
        | Kind::Unsupported(_)
        | Kind::UnsupportedKey(..) => "it cannot have this value".to_owned(),
    };
    let origin = error.metadata.as_ref();
    SettingsError::Type {
        key: error.path.join("."),
        origin: origin.map_or_else(|| "the settings".to_owned(), |found| found.name.to_string()),
        problem,
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
