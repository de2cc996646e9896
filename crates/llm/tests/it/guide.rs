//! What `docs/guide/models.md` promises.

use std::sync::Arc;

use llm::{
    AnthropicConfig, DEFAULT_CONTEXT_TOKENS, GeminiConfig, HttpConfig, MAX_RETRY_AFTER_MS, Models,
    ModelsConfig, OpenAiConfig, RetryPolicy, ToolSpec,
};
use model::{Clock, SystemClock};
use serde_json::json;

use crate::support::{ask, says};

const GUIDE: &str = include_str!("../../../../docs/guide/models.md");

fn rows_of_the_demo() -> impl Iterator<Item = (&'static str, &'static str)> {
    let (_, table) = GUIDE.split_once("| Say | It |").expect("the demo's table");
    table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let (said, does) = line
                .trim_matches(['|', ' '])
                .split_once(" | ")
                .expect("two cells");
            let said = said
                .strip_prefix("`` ")
                .and_then(|said| said.strip_suffix(" ``"))
                .unwrap_or(said.trim_matches('`'));
            (said, does)
        })
}

#[tokio::test]
async fn the_demo_does_what_the_guide_says() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let models = Models::new(&ModelsConfig::default(), &clock).unwrap();
    let mut rows = 0;
    for (said, does) in rows_of_the_demo() {
        rows += 1;
        let mut turn = says(said);
        turn.tools = [
            "run_shell_command",
            "list_directory",
            "read_file",
            "write_file",
            "replace",
            "mcp_web_search",
        ]
        .map(|name| ToolSpec {
            name: name.to_owned(),
            description: String::new(),
            parameters: json!({}),
        })
        .to_vec();
        let outcome = ask(&models, turn).await;
        match outcome.calls.as_slice() {
            [] => {
                let text = outcome.text();
                assert!(does.contains("calculates"), "{said}: {text}");
                assert!(
                    text.contains("= 4") || text.contains("no earlier result"),
                    "{text}"
                );
            }
            [call] => {
                let named = format!("`{}`", call.name);
                assert!(
                    does.contains(&named) || does.contains("of that name"),
                    "{said}: {call:?}"
                );
            }
            [..] => panic!("{said}: {outcome:?}"),
        }
    }
    assert_eq!(rows, 9);
}

#[test]
fn the_guide_has_the_numbers_of_the_code() {
    let RetryPolicy {
        max_attempts,
        base_ms,
        cap_ms,
    } = RetryPolicy::default();
    let idle_s = HttpConfig::default().idle_timeout_ms / 1_000;
    for promise in [
        format!("at most {max_attempts} times"),
        format!("up to {} s.", MAX_RETRY_AFTER_MS / 1_000),
        format!(
            "begins at {} s, doubles\nup to {} s",
            base_ms / 1_000,
            cap_ms / 1_000
        ),
        format!("no byte for {idle_s} s"),
        format!("| all others | {DEFAULT_CONTEXT_TOKENS} |"),
        format!("OpenAI itself this is `{}`", "gpt-5"),
        format!("Google itself this is `{}`", "gemini-2.5-pro"),
        format!("Anthropic itself this is `{}`", "claude-sonnet-4-5"),
    ] {
        assert!(GUIDE.contains(&promise), "{promise}");
    }
}

/// The windows of the guide's table are those that a resolved model has.
#[test]
fn the_guide_has_the_windows_of_the_code() {
    let (_, table) = GUIDE.split_once("| Models | Window, in tokens |").unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut checked = 0;
    for (names, tokens) in rows.filter_map(|row| row.trim_matches(['|', ' ']).split_once(" | ")) {
        for name in names.split(", ").filter(|name| name.starts_with('`')) {
            let name = name.trim_matches('`').replace('…', "");
            let (provider, _) = name.split_once('/').unwrap();
            let config = config_of(provider, &format!("{name}x"));
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            let models = Models::new(&config, &clock).unwrap();
            let window = models.resolve(None).unwrap().context_tokens;
            assert_eq!(window.to_string(), tokens, "{name}");
            checked += 1;
        }
    }
    assert_eq!(checked, 11);
}

/// A configuration whose default is that model.
fn config_of(provider: &str, model: &str) -> ModelsConfig {
    let base_url = "http://127.0.0.1:1/v1".to_owned();
    let api_key = None;
    let default = Some(model.to_owned());
    match provider {
        "anthropic" => ModelsConfig {
            anthropic: Some(AnthropicConfig { base_url, api_key }),
            default,
            ..ModelsConfig::default()
        },
        "openai" => ModelsConfig {
            openai: Some(OpenAiConfig { base_url, api_key }),
            default,
            ..ModelsConfig::default()
        },
        "gemini" => ModelsConfig {
            gemini: Some(GeminiConfig { base_url, api_key }),
            default,
            ..ModelsConfig::default()
        },
        other => panic!("{other}"),
    }
}
