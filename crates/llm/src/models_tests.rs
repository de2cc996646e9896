use model::SystemClock;

use super::*;
use crate::{AnthropicConfig, ApiKey, GeminiConfig, OpenAiConfig};

fn openai(base_url: &str) -> OpenAiConfig {
    OpenAiConfig {
        base_url: base_url.to_owned(),
        api_key: Some(ApiKey::new("sk-x")),
    }
}

fn models(
    openai: Option<OpenAiConfig>,
    offered: &[&str],
    default: Option<&str>,
) -> Result<Models, ModelsError> {
    let config = ModelsConfig {
        default: default.map(str::to_owned),
        offered: offered.iter().map(|name| (*name).to_owned()).collect(),
        openai,
        ..ModelsConfig::default()
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Models::new(&config, &clock)
}

const OWN: &str = "http://127.0.0.1:8000/v1";
const PUBLIC: &str = OpenAiConfig::PUBLIC_BASE_URL;

#[test]
fn the_default_follows_the_rule() {
    let check = |base_url: Option<&str>, offered: &[&str], default, expected, all: &[&str]| {
        let models = models(base_url.map(openai), offered, default).unwrap();
        assert_eq!(models.default_model(), expected);
        assert_eq!(models.offered(), all);
        assert_eq!(models.resolve(None).unwrap().full_name, expected);
    };
    let (two, mixed) = (["openai/a", "openai/b"], ["demo/demo", "openai/a"]);
    check(None, &[], None, "demo/demo", &["demo/demo"]);
    check(Some(PUBLIC), &[], None, "openai/gpt-5", &["openai/gpt-5"]);
    let named = Some("openai/x");
    check(
        Some(PUBLIC),
        &[],
        named,
        "openai/x",
        &["openai/x", "openai/gpt-5"],
    );
    let slashes = Some("openai/org/x");
    check(Some(OWN), &[], slashes, "openai/org/x", &["openai/org/x"]);
    check(Some(OWN), &two, None, "openai/a", &two);
    check(Some(OWN), &mixed, None, "openai/a", &mixed);
    check(
        Some(OWN),
        &[],
        Some("demo/demo"),
        "demo/demo",
        &["demo/demo"],
    );
}

#[test]
fn a_configuration_that_cannot_work_says_why() {
    let table = [
        (
            models(Some(openai(OWN)), &[], None),
            "which model does openai serve?",
        ),
        (
            models(Some(openai("nowhere")), &[], None),
            "base URL of openai",
        ),
        (models(None, &[], Some("gpt-5")), "write provider/model"),
        (models(None, &["/x"], None), "write provider/model"),
        (
            models(None, &[], Some("openai/gpt-5")),
            "no provider for the model",
        ),
    ];
    for (result, expected) in table {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn only_what_is_offered_can_be_asked_for() {
    let models = models(Some(openai(OWN)), &["openai/org/a"], None).unwrap();
    let resolved = models.resolve(Some("openai/org/a")).unwrap();
    assert_eq!(resolved.model, "org/a");
    assert_eq!(resolved.provider.name(), "openai");
    for name in ["openai/b", "demo/demo", "org/a", "", "openai/"] {
        let unknown = models.resolve(Some(name)).unwrap_err();
        assert_eq!(unknown.offered, ["openai/org/a"], "{name}");
    }
    let long = models.resolve(Some(&"é".repeat(1_000))).unwrap_err();
    assert_eq!(long.name.chars().count(), 100);
}

#[test]
fn the_first_configured_provider_gives_the_default() {
    let anthropic = |base_url: &str| {
        Some(AnthropicConfig {
            base_url: base_url.to_owned(),
            api_key: Some(ApiKey::new("sk-x")),
        })
    };
    let check = |config: ModelsConfig, all: &[&str]| {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let models = Models::new(&config, &clock).unwrap();
        assert_eq!(models.offered(), all);
        assert_eq!(models.default_model(), all[0]);
    };
    let gemini = || {
        Some(GeminiConfig {
            base_url: GeminiConfig::PUBLIC_BASE_URL.to_owned(),
            api_key: Some(ApiKey::new("x")),
        })
    };
    let only_gemini = ModelsConfig {
        gemini: gemini(),
        ..ModelsConfig::default()
    };
    check(only_gemini, &["gemini/gemini-2.5-pro"]);
    check(
        ModelsConfig {
            gemini: gemini(),
            anthropic: anthropic(AnthropicConfig::PUBLIC_BASE_URL),
            openai: Some(openai(PUBLIC)),
            ..ModelsConfig::default()
        },
        &[
            "anthropic/claude-sonnet-4-5",
            "openai/gpt-5",
            "gemini/gemini-2.5-pro",
        ],
    );
    let gateway = ModelsConfig {
        anthropic: anthropic("https://gateway.example"),
        ..ModelsConfig::default()
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let error = Models::new(&gateway, &clock).unwrap_err();
    assert!(
        error.to_string().contains("does anthropic serve?"),
        "{error}"
    );
}
