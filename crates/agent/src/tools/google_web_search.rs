//! `google_web_search`: asks the operator's search service, whichever it is.

use async_trait::async_trait;
use llm::ToolSpec;
use model::Effect;
use serde_json::{Value, json};

use super::arguments::required_text;
use super::{Tool, ToolContext, ToolOutcome};
use crate::web::UNTRUSTED;

/// Characters of a query at most: what the services take.
const MAX_QUERY_CHARS: usize = 400;

#[derive(Debug)]
pub(super) struct GoogleWebSearch;

#[async_trait]
impl Tool for GoogleWebSearch {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "google_web_search".to_owned(),
            description: "Searches the web and gives titles, addresses and excerpts of the results. web_fetch reads one.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "query": {"type": "string", "description": "What to look for, at most 400 characters."},
                },
                "required": ["query"],
            }),
        }
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["web_search"]
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    async fn call(&self, context: &ToolContext<'_>, args: &Value) -> ToolOutcome {
        let query = match required_text(args, &["query"]) {
            Ok(query) => query.trim(),
            Err(error) => return ToolOutcome::error(error.to_string()),
        };
        if query.is_empty() || query.chars().count() > MAX_QUERY_CHARS {
            return ToolOutcome::error(format!(
                "The argument `query` must have 1 to {MAX_QUERY_CHARS} characters."
            ));
        }
        let reach = context.session.reach(context.call_id);
        let found = context.session.web().search(reach, query).await;
        found
            .map(|results| format!("{UNTRUSTED}\n\n{results}"))
            .into()
    }
}
