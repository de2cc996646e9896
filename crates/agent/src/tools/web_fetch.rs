//! `web_fetch`: pages of the web as texts.

use std::fmt::Write as _;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use llm::ToolSpec;
use model::{Effect, MODEL_OUTPUT_BYTES};
use sandbox::WorkspacePath;
use serde_json::{Value, json};

use super::arguments::{ArgumentError, text_argument, texts_or_one};
use super::{Tool, ToolContext, ToolOutcome};
use crate::session::output_id;
use crate::web::{Fetched, UNTRUSTED, WebError, urls_in};

/// Pages of one call at most.
const MAX_URLS: usize = 20;
/// Pages that are fetched at once.
const AT_ONCE: usize = 4;
/// Bytes of an output that say where the pages come from, at most, for each of them.
const HEAD_BYTES: usize = 300;
/// Bytes that are shown of a page at least.
const LEAST_BYTES: usize = 300;
#[derive(Debug)]
pub(super) struct WebFetch;

#[async_trait]
impl Tool for WebFetch {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "web_fetch".to_owned(),
            description: "Fetches web pages and gives their text. Public http and https addresses only. What does not fit is kept in a file of the workspace.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "prompt": {"type": "string", "description": "What you want to know, with up to 20 URLs in it."},
                },
                "required": ["prompt"],
            }),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    async fn call(&self, context: &ToolContext<'_>, args: &Value) -> ToolOutcome {
        let urls = match asked(args) {
            Ok(urls) => urls,
            Err(error) => return ToolOutcome::error(error),
        };
        let web = context.session.web();
        let reach = context.session.reach(context.call_id);
        let fetching = urls.into_iter().map(|url| async move {
            let page = web.fetch(reach, &url).await;
            (url, page)
        });
        let pages: Vec<_> = stream::iter(fetching).buffered(AT_ONCE).collect().await;
        let failed = pages.iter().all(|(_, page)| page.is_err());
        let output = tell(context, &pages).await;
        if failed {
            return ToolOutcome::error(output);
        }
        ToolOutcome::Success(output)
    }
}

/// The addresses that a call names.
fn asked(args: &Value) -> Result<Vec<String>, String> {
    let listed = texts_or_one(args, &["urls", "url"]);
    let listed = listed.map_err(|error: ArgumentError| error.to_string())?;
    let urls = if listed.is_empty() {
        let prompt = text_argument(args, &["prompt"]);
        urls_in(prompt.ok_or("The argument `prompt` is missing.")?)
    } else {
        listed
    };
    if urls.is_empty() {
        return Err("There is no http or https URL in `prompt`.".to_owned());
    }
    if urls.len() > MAX_URLS {
        return Err(format!("There are more than {MAX_URLS} URLs."));
    }
    Ok(urls)
}

/// What is told of the pages: as much of each as fits beside the others, and all of it in a file if
/// that is more.
async fn tell(context: &ToolContext<'_>, pages: &[(String, Result<Fetched, WebError>)]) -> String {
    let share = (MODEL_OUTPUT_BYTES - UNTRUSTED.len() - HEAD_BYTES) / pages.len();
    let share = share.saturating_sub(HEAD_BYTES).max(LEAST_BYTES);
    let texts = pages.iter().filter_map(|(_, page)| page.as_ref().ok());
    let fits = texts.clone().all(|page| page.text.len() <= share);
    let mark = output_id(context.call_id);
    let mut output = String::new();
    if texts.clone().next().is_some() {
        output.push_str(UNTRUSTED);
        output.push('\n');
    }
    if !fits {
        let whole: String = pages
            .iter()
            .map(|page| part(page, &mark, usize::MAX))
            .collect();
        if let Some(path) = keep(context, whole).await {
            // Writing to a String cannot fail.
            let _ = writeln!(output, "[all of it is in {}]", path.as_str());
        }
    }
    output.extend(pages.iter().map(|page| part(page, &mark, share)));
    output
}

async fn keep(context: &ToolContext<'_>, text: String) -> Option<WorkspacePath> {
    let id = output_id(context.call_id);
    let path = WorkspacePath::parse(&format!(".sigmic/outputs/{id}.txt")).ok()?;
    let text = context.session.mask().mask(&text);
    let kept = context.session.files(move |workspace| {
        workspace.write(&path, text.as_bytes())?;
        Ok(path)
    });
    // A workspace that cannot take it costs the copy, not the result.
    kept.await.ok()
}

/// One page between its marks, which the page cannot know.
fn part((asked, page): &(String, Result<Fetched, WebError>), mark: &str, bytes: usize) -> String {
    let asked: String = asked.chars().take(HEAD_BYTES / 2).collect();
    let page = match page {
        Ok(page) => page,
        Err(error) => return format!("\n=== {asked} could not be fetched: {error}\n"),
    };
    let mut end = page.text.len().min(bytes);
    while !page.text.is_char_boundary(end) {
        end -= 1;
    }
    let shown = &page.text[..end];
    // What the page says of itself stands between the marks too.
    let mut told = page.media_type.clone();
    if !page.title.is_empty() {
        let title: String = page.title.chars().take(HEAD_BYTES / 4).collect();
        let _ = write!(told, ", {title:?}");
    }
    if page.url != *asked {
        let url: String = page.url.chars().take(HEAD_BYTES / 2).collect();
        let _ = write!(told, ", found at {url}");
    }
    let left_out = page.text.len() - end;
    let more = match (left_out, page.cut) {
        (0, false) => String::new(),
        (0, true) => " (it goes on, and was cut)".to_owned(),
        (_, _) => format!(" ({left_out} more bytes were fetched)"),
    };
    format!("\n=== {asked}, begins [{mark}]\n({told})\n{shown}\n=== ends [{mark}]{more}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_named_in_the_prompt_or_apart() {
        let urls = |args: Value| asked(&args);
        let prompt = json!({"prompt": "Summarize https://a.example/ and http://b.example/."});
        assert_eq!(
            urls(prompt).unwrap(),
            ["https://a.example/", "http://b.example/"]
        );
        assert_eq!(urls(json!({"url": "a", "prompt": "x"})).unwrap(), ["a"]);
        assert_eq!(urls(json!({"urls": ["a", "b"]})).unwrap(), ["a", "b"]);
        assert!(
            urls(json!({"prompt": "nothing"}))
                .unwrap_err()
                .contains("no http")
        );
        assert!(urls(json!({})).unwrap_err().contains("missing"));
        assert!(urls(json!({"urls": vec!["a"; 21]})).is_err());
    }
}
