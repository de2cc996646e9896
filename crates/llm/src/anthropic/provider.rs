//! The provider: where requests go and with what.

use std::fmt;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use model::Clock;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::parser::MessageParser;
use super::request;
use crate::events::EventStream;
use crate::http::{base_url, client, endpoint, secret_header};
use crate::names::ToolNames;
use crate::replay::Origin;
use crate::wire::Connection;
use crate::{
    AnthropicConfig, HttpConfig, ModelsError, Provider, Registration, TurnRequest, TurnStream,
};

pub(super) const NAME: &str = "anthropic";
/// What a fresh installation uses at Anthropic itself: their general model, by the alias that
/// follows its snapshots.
const GENERAL_MODEL: &str = "claude-sonnet-4-5";
/// The only version there is.
const API_VERSION: &str = "2023-06-01";

/// How this provider is registered.
///
/// # Errors
/// A base URL or a key that cannot work, or no HTTP client.
pub(crate) fn register(
    config: &AnthropicConfig,
    limits: HttpConfig,
    clock: Arc<dyn Clock>,
) -> Result<Registration, ModelsError> {
    let base = base_url(NAME, &config.base_url)?;
    let is_public = base.host_str() == Some("api.anthropic.com");
    let mut endpoint = endpoint(NAME, &base, "v1")?;
    endpoint
        .path_segments_mut()
        .map_err(|()| ModelsError::BaseUrl { provider: NAME })?
        .push("messages");
    let key = config.api_key.clone().filter(|key| !key.is_empty());
    let mut headers = match &key {
        Some(key) => secret_header(
            NAME,
            HeaderName::from_static("x-api-key"),
            key.expose_secret(),
        )?,
        None => HeaderMap::new(),
    };
    headers.insert("anthropic-version", HeaderValue::from_static(API_VERSION));
    let provider = Anthropic {
        connection: Connection {
            client: client(NAME, &base, limits, headers)?,
            limits,
            key,
            clock,
        },
        endpoint,
    };
    Ok(Registration {
        provider: Arc::new(provider),
        general_model: is_public.then(|| GENERAL_MODEL.to_owned()),
    })
}

struct Anthropic {
    connection: Connection,
    endpoint: Url,
}

impl Provider for Anthropic {
    fn name(&self) -> &str {
        NAME
    }

    fn stream(&self, request: TurnRequest) -> TurnStream {
        let names = match ToolNames::new(&request.tools) {
            Ok(names) => names,
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        let body = request::body(&request);
        let origin = Origin {
            provider: NAME,
            model: request.model,
        };
        let parser = MessageParser::new(names, self.connection.key.clone(), origin);
        self.connection
            .post(self.endpoint.clone(), body, EventStream::new(parser))
    }
}

impl fmt::Debug for Anthropic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anthropic")
            .field("endpoint", &self.endpoint.as_str())
            .finish_non_exhaustive()
    }
}
