//! The provider: where requests go and with what.

use std::fmt;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use model::Clock;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName};

use super::parser::ContentParser;
use super::request;
use crate::events::EventStream;
use crate::http::{base_url, client, endpoint, secret_header};
use crate::names::ToolNames;
use crate::replay::Origin;
use crate::wire::Connection;
use crate::{
    GeminiConfig, HttpConfig, ModelError, ModelsError, Provider, Registration, TurnRequest,
    TurnStream,
};

pub(super) const NAME: &str = "gemini";
/// What a fresh installation uses at Google itself: their general model that is no preview.
const GENERAL_MODEL: &str = "gemini-2.5-pro";
/// The version of the API that has thoughts.
const API_VERSION: &str = "v1beta";

/// How this provider is registered.
///
/// # Errors
/// A base URL or a key that cannot work, or no HTTP client.
pub(crate) fn register(
    config: &GeminiConfig,
    limits: HttpConfig,
    clock: Arc<dyn Clock>,
) -> Result<Registration, ModelsError> {
    let base = base_url(NAME, &config.base_url)?;
    let is_public = base.host_str() == Some("generativelanguage.googleapis.com");
    let key = config.api_key.clone().filter(|key| !key.is_empty());
    // In the URL, where the API takes it too, it would end up in logs.
    let headers = match &key {
        Some(key) => secret_header(
            NAME,
            HeaderName::from_static("x-goog-api-key"),
            key.expose_secret(),
        )?,
        None => HeaderMap::new(),
    };
    let provider = Gemini {
        endpoint: endpoint(NAME, &base, API_VERSION)?,
        connection: Connection {
            client: client(NAME, &base, limits, headers)?,
            limits,
            key,
            clock,
        },
    };
    Ok(Registration {
        provider: Arc::new(provider),
        general_model: is_public.then(|| GENERAL_MODEL.to_owned()),
    })
}

struct Gemini {
    connection: Connection,
    /// Up to and with the version.
    endpoint: Url,
}

impl Gemini {
    /// Where `model` is asked. The name is data: what stands in it is escaped.
    fn url(&self, model: &str) -> Result<Url, ModelError> {
        let name = model.strip_prefix("models/").unwrap_or(model);
        let is_path = |name: &str| matches!(name, "." | ".." | "");
        let invalid = || ModelError::Invalid {
            status: None,
            message: "the model's name cannot stand in a URL".to_owned(),
        };
        if name.split('/').any(is_path) {
            return Err(invalid());
        }
        let mut url = self.endpoint.clone();
        url.path_segments_mut()
            .map_err(|()| invalid())?
            .push("models")
            .extend(format!("{name}:streamGenerateContent").split('/'));
        url.set_query(Some("alt=sse"));
        Ok(url)
    }
}

impl Provider for Gemini {
    fn name(&self) -> &str {
        NAME
    }

    fn stream(&self, request: TurnRequest) -> TurnStream {
        let checked =
            ToolNames::new(&request.tools).and_then(|names| Ok((names, self.url(&request.model)?)));
        let (names, url) = match checked {
            Ok(checked) => checked,
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        let body = request::body(&request);
        let origin = Origin {
            provider: NAME,
            model: request.model,
        };
        let parser = ContentParser::new(names, self.connection.key.clone(), origin);
        self.connection.post(url, body, EventStream::new(parser))
    }
}

impl fmt::Debug for Gemini {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gemini")
            .field("endpoint", &self.endpoint.as_str())
            .finish_non_exhaustive()
    }
}
