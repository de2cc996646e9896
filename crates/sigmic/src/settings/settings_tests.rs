use std::io::Write as _;

use serde_json::Value;

use super::raw::RawSettings;
use super::table::SETTINGS;
use super::*;

fn sources(environment: &[(&str, &str)]) -> Sources {
    let mut all = vec![("HOME".to_owned(), "/nowhere".to_owned())];
    let given = environment.iter();
    all.extend(given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Sources {
        environment: all,
        ..Sources::default()
    }
}

fn with_file(text: &str) -> (Sources, tempfile::NamedTempFile) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let mut sources = sources(&[]);
    sources.config = Some(file.path().to_owned());
    (sources, file)
}

fn keys_of(prefix: &str, value: &Value, keys: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                keys_of(&format!("{prefix}{name}."), value, keys);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            keys.push(prefix.trim_end_matches('.').to_owned());
        }
    }
}

#[test]
fn the_table_names_every_setting_once() {
    let mut fields = Vec::new();
    let defaults = serde_json::to_value(RawSettings::default()).unwrap();
    keys_of("", &defaults, &mut fields);
    let mut table: Vec<_> = SETTINGS.iter().map(|row| row.key.to_owned()).collect();
    fields.sort();
    table.sort();
    assert_eq!(fields, table);
}

#[test]
fn variables_are_named_by_their_keys() {
    for row in SETTINGS {
        let upper = row.key.to_uppercase();
        let expected = match row.key.split_once('.') {
            Some(("anthropic" | "openai" | "gemini", _)) => upper.replace('.', "_"),
            Some(_) | None => format!("SIGMIC_{}", upper.replace('.', "__")),
        };
        assert_eq!(row.variable, expected);
    }
}

#[test]
fn a_search_service_is_named_in_the_settings() {
    let search = |environment: &[(&str, &str)]| sources(environment).load();
    assert!(search(&[]).unwrap().settings.search.is_none());
    let brave = [
        ("SIGMIC_SEARCH__BACKEND", "brave"),
        ("SIGMIC_SEARCH__KEY", "very-secret"),
    ];
    let settings = search(&brave).unwrap().settings;
    assert!(!format!("{settings:?}").contains("very-secret"));
    let config = settings.search.unwrap();
    assert_eq!((config.kind, config.url), (agent::SearchKind::Brave, None));
    assert_eq!(config.key.unwrap().expose_secret(), "very-secret");
    let wrong = search(&[("SIGMIC_SEARCH__BACKEND", "bing")]).unwrap_err();
    assert!(
        wrong.to_string().contains("`searxng`, `brave` or `tavily`"),
        "{wrong}"
    );
}

#[test]
fn defaults_are_those_of_the_reference() {
    let loaded = sources(&[]).load().unwrap();
    let settings = loaded.settings;
    assert!(loaded.warnings.is_empty());
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.data_dir, Path::new("/nowhere/.local/share/sigmic"));
    assert_eq!(settings.concurrent_runs, 64);
    assert_eq!(settings.sandbox.limits, sandbox::Limits::default());
    assert!(settings.models.anthropic.is_none());
    assert!(settings.models.openai.is_none());
    assert!(settings.models.gemini.is_none());
    for row in SETTINGS {
        let Some(number) = row.default.parse::<u64>().ok() else {
            continue;
        };
        let defaults = serde_json::to_value(RawSettings::default()).unwrap();
        let pointer = format!("/{}", row.key.replace('.', "/"));
        assert_eq!(defaults.pointer(&pointer).unwrap().as_u64(), Some(number));
    }
}

#[test]
fn each_layer_goes_over_the_one_before() {
    let (mut sources, _file) = with_file(
        "listen = \"127.0.0.1:1\"\nconcurrent_runs = 1\nmax_turns = 1\n[sandbox.limits]\nprocesses = 99\n",
    );
    sources
        .environment
        .push(("SIGMIC_LISTEN".into(), "127.0.0.1:2".into()));
    sources
        .environment
        .push(("SIGMIC_CONCURRENT_RUNS".into(), "2".into()));
    sources
        .environment
        .push(("SIGMIC_MODELS".into(), "demo/demo, openai/x,".into()));
    sources
        .environment
        .push(("SIGMIC_SANDBOX__LIMITS__OPEN_FILES".into(), "77".into()));
    sources.flags.push(("listen", "127.0.0.1:3".to_owned()));
    let settings = sources.load().unwrap().settings;
    assert_eq!(settings.listen.port(), 3);
    assert_eq!(settings.concurrent_runs, 2);
    assert_eq!(settings.max_turns, 1);
    assert_eq!(settings.models.offered, ["demo/demo", "openai/x"]);
    assert_eq!(settings.sandbox.limits.processes, 99);
    assert_eq!(settings.sandbox.limits.open_files, 77);
    assert_eq!(settings.sandbox.limits.tmp_bytes, 256 << 20);
}

#[test]
fn an_unknown_key_names_the_nearest() {
    for (text, key, meant) in [
        ("listne = \"x\"", "listne", "listen"),
        (
            "[sandbox]\nnetwrok = \"x\"",
            "sandbox.netwrok",
            "sandbox.network",
        ),
        (
            "[sandbox.limits]\nmemory = 1",
            "sandbox.limits.memory",
            "sandbox.limits.memory_bytes",
        ),
        ("[openia]\napi_key = \"x\"", "openia", "openai"),
    ] {
        let (sources, _file) = with_file(text);
        let error = sources.load().unwrap_err().to_string();
        assert!(
            error.contains(&format!("there is no setting `{key}`")),
            "{error}"
        );
        if key != "openia" {
            assert!(
                error.contains(&format!("did you mean `{meant}`?")),
                "{error}"
            );
        }
    }
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let loaded = sources(&[
        ("SIGMIC_LISTNE", "x"),
        ("SIGMIC_API_KEY", "x"),
        ("SIGMICX", "x"),
        ("SIGMIC_CONCURRENT_RUNS", ""),
    ])
    .load()
    .unwrap();
    assert_eq!(
        loaded.warnings,
        ["nothing reads the variable SIGMIC_LISTNE (did you mean SIGMIC_LISTEN?)"]
    );
    assert_eq!(loaded.settings.concurrent_runs, 64);
}

#[test]
fn what_is_wrong_is_said_without_the_value() {
    for (name, value) in [
        ("SIGMIC_CONCURRENT_RUNS", "hunter2"),
        ("SIGMIC_CONCURRENT_RUNS", "99999999999"),
        ("SIGMIC_BEHIND_PROXY", "hunter2"),
        ("SIGMIC_DATABASE_URL", "mysql://hunter2"),
        ("SIGMIC_SANDBOX__LIMITS__PROCESSES", "1"),
        ("SIGMIC_SANDBOX__NETWORK", "hunter2"),
    ] {
        let error = sources(&[(name, value)]).load().unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{error:?}"
        );
    }
    for text in [
        "master_key = 12345678",
        "openai = \"hunter2\"",
        "x = hunter2",
    ] {
        let (sources, _file) = with_file(text);
        let error = sources.load().unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("12345678"),
            "{shown}"
        );
    }
}

#[test]
fn isolation_is_given_up_in_so_many_words_only() {
    let engine = |variables: &[(&str, &str)]| {
        let loaded = sources(variables).load();
        loaded.map(|loaded| loaded.settings.sandbox.engine)
    };
    let name = "SIGMIC_SANDBOX__ENGINE";
    assert_eq!(engine(&[]).unwrap(), sandbox::EngineChoice::Auto);
    assert_eq!(
        engine(&[(name, "none")]).unwrap(),
        sandbox::EngineChoice::None
    );
    for near in ["None", "off", "false"] {
        assert!(engine(&[(name, near)]).is_err(), "{near}");
    }
    let limited = [(name, "none"), ("SIGMIC_SANDBOX__NETWORK", "none")];
    let error = engine(&limited).unwrap_err().to_string();
    assert!(error.contains("must be `full`"), "{error}");
}

#[test]
fn the_network_and_its_list_belong_together() {
    let network = |name: &str, allowed: &str| {
        let variables = [
            ("SIGMIC_SANDBOX__NETWORK", name),
            ("SIGMIC_SANDBOX__NETWORK_ALLOW", allowed),
        ];
        let loaded = sources(&variables).load();
        loaded.map(|loaded| loaded.settings.sandbox.network)
    };
    let listed = vec!["example.com".to_owned(), "*.example.org".to_owned()];
    assert_eq!(
        network("allowlist", "example.com, *.example.org").unwrap(),
        sandbox::NetworkMode::Allowlist(listed)
    );
    assert_eq!(network("none", "").unwrap(), sandbox::NetworkMode::None);
    for (name, allowed) in [
        ("full", "example.com"),
        ("none", "example.com"),
        ("allowlist", ""),
        ("allowlist", "https://example.com"),
        ("allowlist", "*"),
    ] {
        let error = network(name, allowed).unwrap_err().to_string();
        assert!(error.contains("network_allow"), "{name} {allowed}: {error}");
    }
}

#[test]
fn one_master_key_at_most() {
    let both = [
        ("SIGMIC_MASTER_KEY", "a"),
        ("SIGMIC_MASTER_KEY_COMMAND", "b"),
    ];
    assert!(sources(&both).load().is_err());
}

#[test]
fn secrets_are_known_and_not_printed() {
    let settings = sources(&[
        ("SIGMIC_DATABASE_URL", "postgres://ana:p%40ss-word@db/x"),
        ("OPENAI_API_KEY", "sk-very-secret"),
        ("ANTHROPIC_API_KEY", "sk-ant-secret"),
        ("GEMINI_API_KEY", "AIza-secret"),
        ("SIGMIC_MASTER_KEY", "0123456789"),
    ])
    .load()
    .unwrap()
    .settings;
    let known: Vec<_> = settings
        .secrets
        .iter()
        .map(vault::Secret::expose_secret)
        .collect();
    for secret in [
        "p%40ss-word",
        "sk-very-secret",
        "sk-ant-secret",
        "AIza-secret",
    ] {
        assert!(known.contains(&secret), "{secret}");
    }
    let shown = format!("{settings:?}");
    for secret in [
        "p%40ss",
        "sk-very-secret",
        "sk-ant-secret",
        "AIza-secret",
        "0123456789",
    ] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_provider_is_configured_by_its_key_or_its_url() {
    let models = |variables: &[(&str, &str)]| sources(variables).load().unwrap().settings.models;
    let by_key = models(&[("ANTHROPIC_API_KEY", " sk-x ")]);
    let anthropic = by_key.anthropic.unwrap();
    assert_eq!(anthropic.base_url, "https://api.anthropic.com");
    assert_eq!(anthropic.api_key, Some(llm::ApiKey::new("sk-x")));
    assert!(by_key.openai.is_none() && by_key.gemini.is_none());
    let gemini = models(&[("GEMINI_API_KEY", "x")]).gemini.unwrap();
    assert_eq!(gemini.base_url, "https://generativelanguage.googleapis.com");
    let by_url = models(&[("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")]);
    let anthropic = by_url.anthropic.unwrap();
    assert_eq!(anthropic.base_url, "http://127.0.0.1:1");
    assert!(anthropic.api_key.is_none());
}

#[test]
fn a_named_file_must_exist() {
    let mut sources = sources(&[]);
    sources.config = Some("/nowhere/sigmic.toml".into());
    assert!(matches!(sources.load(), Err(SettingsError::File { .. })));
}

#[test]
fn sign_in_services_are_tables_of_the_file() {
    let table = "[[oidc]]\nid = \"work\"\nname = \"W\"\nissuer = \"https://id.example.org\"\n\
                 client_id = \"c\"\nclient_secret = \"very-secret\"\n";
    let (sources, _file) = with_file(&format!("{table}group_roles = {{ ops = \"admin\" }}\n"));
    let settings = sources.load().unwrap().settings;
    assert!(!format!("{settings:?}").contains("very-secret"));
    let config = &settings.oidc[0];
    let roles = vec![("ops".to_owned(), model::Role::Admin)];
    assert_eq!((&config.id[..], &config.group_roles), ("work", &roles));
    let mut secrets = settings.secrets.iter();
    assert!(secrets.any(|secret| secret.expose_secret() == "very-secret"));
    for (more, told) in [
        ("issuers = 1\n", "did you mean `oidc.issuer`"),
        (
            "group_roles = { ops = \"king\" }\n",
            "`viewer`, `member` or `admin`",
        ),
        (
            "group_roles = { ops = \"owner\" }\n",
            "owners are made by owners",
        ),
        ("allowed_domains = 1\n", "oidc"),
    ] {
        let (sources, _file) = with_file(&format!("{table}{more}"));
        let refused = sources.load().unwrap_err().to_string();
        assert!(refused.contains(told), "{refused}");
        assert!(!refused.contains("very-secret"), "{refused}");
    }
}
