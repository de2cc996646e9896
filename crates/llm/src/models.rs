//! Which models an operator offers and which is the default. Knows every provider by one line;
//! what a provider needs is said in its own file.

use std::sync::Arc;

use model::Clock;

use crate::{ContextWindows, ModelsConfig, Provider, anthropic, demo, gemini, openai};

/// A provider, as its own file registers it.
#[derive(Debug, Clone)]
pub struct Registration {
    /// What answers the turns; its name is the part before the slash.
    pub provider: Arc<dyn Provider>,
    /// The model to use when the operator names none; absent if that cannot be known (a server
    /// of the operator's own).
    pub general_model: Option<String>,
}

/// The models of a server.
#[derive(Debug, Clone)]
pub struct Models {
    registrations: Vec<Registration>,
    offered: Vec<String>,
    default: String,
    context_windows: ContextWindows,
}

/// A model that can be asked.
#[derive(Debug, Clone)]
pub struct ResolvedModel {
    /// What answers its turns.
    pub provider: Arc<dyn Provider>,
    /// Its name at the provider, for [`TurnRequest::model`](crate::TurnRequest::model).
    pub model: String,
    /// Its name as `provider/model`, for people and the journal.
    pub full_name: String,
    /// How much it can be shown at once, in tokens.
    pub context_tokens: u64,
}

/// A model that the operator does not offer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the model {name:?} is not offered; offered are: {}", offered.join(", "))]
pub struct UnknownModel {
    /// What was asked for, at most 100 characters of it.
    pub name: String,
    /// What could be asked for.
    pub offered: Vec<String>,
}

/// Why a configuration of models cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// A name that is not `provider/model`.
    #[error("{name:?} is not a model's name: write provider/model")]
    NotAName {
        /// The name.
        name: String,
    },
    /// A model whose provider is not configured.
    #[error("no provider for the model {name:?} is configured; configured are: {}", providers.join(", "))]
    NoProvider {
        /// The model.
        name: String,
        /// The configured providers.
        providers: Vec<String>,
    },
    /// A default model is needed and cannot be guessed.
    #[error(
        "which model does {provider} serve? Name one as {provider}/MODEL (SIGMIC_MODEL or SIGMIC_MODELS)"
    )]
    NoDefault {
        /// The provider that was configured first.
        provider: String,
    },
    /// A base URL that is not one.
    #[error("the base URL of {provider} is not an http or https URL")]
    BaseUrl {
        /// Whose.
        provider: &'static str,
    },
    /// A key that cannot stand in an HTTP header.
    #[error("the API key of {provider} holds characters that a header cannot carry")]
    Key {
        /// Whose.
        provider: &'static str,
    },
    /// The HTTP client could not be made (no certificates on this machine, for instance).
    #[error("the HTTP client for {provider} could not be made")]
    Client {
        /// Whose.
        provider: &'static str,
        /// Why.
        source: reqwest::Error,
    },
}

impl Models {
    /// The models that `config` describes. The providers, most preferred first:
    /// `anthropic`, `openai`, `gemini`, and `demo` as the last, so that it is chosen only where
    /// nothing else is configured.
    ///
    /// # Errors
    /// What a configuration can get wrong: a base URL, a key, a name.
    pub fn new(config: &ModelsConfig, clock: &Arc<dyn Clock>) -> Result<Self, ModelsError> {
        // One line for each provider, in the order of preference.
        let http = config.http;
        let configured = [
            (config.anthropic.as_ref())
                .map(|own| anthropic::register(own, http, Arc::clone(clock))),
            (config.openai.as_ref()).map(|own| openai::register(own, http, Arc::clone(clock))),
            (config.gemini.as_ref()).map(|own| gemini::register(own, http, Arc::clone(clock))),
        ];
        let mut registrations = configured
            .into_iter()
            .flatten()
            .collect::<Result<Vec<_>, _>>()?;
        let mut demo = demo::register(config.demo);
        if !registrations.is_empty() {
            // Still there for who names it, but not by itself.
            demo.general_model = None;
        }
        registrations.push(demo);
        let models =
            Self::from_registrations(registrations, &config.offered, config.default.as_deref());
        Ok(Self {
            context_windows: config.context_windows.clone(),
            ..models?
        })
    }

    /// The models of these providers, most preferred first.
    ///
    /// The default is `default`, else the first of `offered` that belongs to the first provider,
    /// else that provider's general model. `offered` empty means the general model of each; the
    /// default is always offered.
    ///
    /// # Errors
    /// A name without a provider, or no way to tell the default.
    pub fn from_registrations(
        registrations: Vec<Registration>,
        offered: &[String],
        default: Option<&str>,
    ) -> Result<Self, ModelsError> {
        let mut names = if offered.is_empty() {
            registrations
                .iter()
                .filter_map(Registration::general_name)
                .collect()
        } else {
            offered.to_vec()
        };
        let default = match default {
            Some(name) => name.to_owned(),
            None => guess_default(&registrations, &names)?,
        };
        if !names.contains(&default) {
            names.insert(0, default.clone());
        }
        for name in &names {
            find(&registrations, name)?;
        }
        Ok(Self {
            registrations,
            offered: names,
            default,
            context_windows: ContextWindows::default(),
        })
    }

    /// The offered models as `provider/model`, in the operator's order.
    pub fn offered(&self) -> &[String] {
        &self.offered
    }

    /// The model that is used where nobody names one.
    pub fn default_model(&self) -> &str {
        &self.default
    }

    /// The model of that name, or the default.
    ///
    /// # Errors
    /// A model that is not offered, whether it exists or not.
    pub fn resolve(&self, name: Option<&str>) -> Result<ResolvedModel, UnknownModel> {
        let name = name.unwrap_or(&self.default);
        let unknown = || UnknownModel {
            name: name.chars().take(100).collect(),
            offered: self.offered.clone(),
        };
        if !self.offered.iter().any(|offered| offered == name) {
            return Err(unknown());
        }
        let (registration, model) = find(&self.registrations, name).map_err(|_| unknown())?;
        Ok(ResolvedModel {
            provider: Arc::clone(&registration.provider),
            model: model.to_owned(),
            full_name: name.to_owned(),
            context_tokens: self.context_windows.of(name),
        })
    }
}

impl Registration {
    fn general_name(&self) -> Option<String> {
        let model = self.general_model.as_ref()?;
        Some(format!("{}/{model}", self.provider.name()))
    }
}

fn guess_default(
    registrations: &[Registration],
    offered: &[String],
) -> Result<String, ModelsError> {
    let Some(first) = registrations.first() else {
        return Err(ModelsError::NoDefault {
            provider: "provider".to_owned(),
        });
    };
    let prefix = format!("{}/", first.provider.name());
    offered
        .iter()
        .find(|name| name.starts_with(&prefix))
        .cloned()
        .or_else(|| first.general_name())
        .ok_or_else(|| ModelsError::NoDefault {
            provider: first.provider.name().to_owned(),
        })
}

/// The provider of a full name, and the model's name there.
fn find<'a, 'b>(
    registrations: &'a [Registration],
    name: &'b str,
) -> Result<(&'a Registration, &'b str), ModelsError> {
    let (provider, model) = name
        .split_once('/')
        .filter(|(provider, model)| !provider.is_empty() && !model.is_empty())
        .ok_or_else(|| ModelsError::NotAName {
            name: name.to_owned(),
        })?;
    registrations
        .iter()
        .find(|registration| registration.provider.name() == provider)
        .map(|registration| (registration, model))
        .ok_or_else(|| ModelsError::NoProvider {
            name: name.to_owned(),
            providers: registrations
                .iter()
                .map(|registration| registration.provider.name().to_owned())
                .collect(),
        })
}

#[cfg(test)]
#[path = "models_tests.rs"]
mod tests;
