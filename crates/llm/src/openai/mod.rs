//! OpenAI's chat completions, as OpenAI and many others speak them.
//!
//! Decides how a turn looks on this wire. Leaves connections, time and size to the shared
//! driver, and retries to the caller.

mod calls;
mod parser;
mod request;

use std::fmt;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use model::Clock;
use reqwest::Url;
use reqwest::header::HeaderMap;

use crate::events::EventStream;
use crate::http::{base_url, bearer, client};
use crate::names::ToolNames;
use crate::wire::Connection;
use crate::{
    HttpConfig, ModelsError, OpenAiConfig, Provider, Registration, TurnRequest, TurnStream,
};
use parser::ChatParser;
use request::TokenLimitField;

const NAME: &str = "openai";
/// What a fresh installation uses at OpenAI itself.
const GENERAL_MODEL: &str = "gpt-5";

/// How this provider is registered.
///
/// # Errors
/// A base URL or a key that cannot work, or no HTTP client.
pub(crate) fn register(
    config: &OpenAiConfig,
    limits: HttpConfig,
    clock: Arc<dyn Clock>,
) -> Result<Registration, ModelsError> {
    let base = base_url(NAME, &config.base_url)?;
    let is_public = base.host_str() == Some("api.openai.com");
    let mut endpoint = base.clone();
    endpoint
        .path_segments_mut()
        .map_err(|()| ModelsError::BaseUrl { provider: NAME })?
        .pop_if_empty()
        .extend(["chat", "completions"]);
    let key = config.api_key.clone().filter(|key| !key.is_empty());
    let headers = match &key {
        Some(key) => bearer(NAME, key)?,
        None => HeaderMap::new(),
    };
    let provider = OpenAi {
        connection: Connection {
            client: client(NAME, &base, limits, headers)?,
            limits,
            key,
            clock,
        },
        endpoint,
        limit_field: if is_public {
            TokenLimitField::MaxCompletionTokens
        } else {
            TokenLimitField::MaxTokens
        },
    };
    Ok(Registration {
        provider: Arc::new(provider),
        general_model: is_public.then(|| GENERAL_MODEL.to_owned()),
    })
}

struct OpenAi {
    connection: Connection,
    endpoint: Url,
    limit_field: TokenLimitField,
}

impl Provider for OpenAi {
    fn name(&self) -> &str {
        NAME
    }

    fn stream(&self, request: TurnRequest) -> TurnStream {
        let names = match ToolNames::new(&request.tools) {
            Ok(names) => names,
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        let body = request::body(&request, self.limit_field);
        let parser = ChatParser::new(names, self.connection.key.clone());
        self.connection
            .post(self.endpoint.clone(), body, EventStream::new(parser))
    }
}

impl fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAi")
            .field("endpoint", &self.endpoint.as_str())
            .finish_non_exhaustive()
    }
}
