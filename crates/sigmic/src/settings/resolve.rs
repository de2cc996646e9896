//! From what is written to what is meant.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use agent::{SearchConfig, SearchConfigError};
use auth::{OidcConfig, Origin, RateLimitsConfig};
use http_api::SignUp;
use ipnet::IpNet;
use llm::{AnthropicConfig, ApiKey, DemoConfig, GeminiConfig, ModelsConfig, OpenAiConfig};
use model::Rate;
use sandbox::{AllowList, EngineChoice, Limits, NetworkMode};
use vault::{MasterKeySource, Secret};

use super::raw::{RawLimits, RawProvider, RawRates, RawSandbox, RawSearch, RawSettings};
use super::{SettingsError, Sources, service};

/// What the program works with.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) behind_proxy: bool,
    /// The proxies whose word counts about who is behind them.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Where browsers reach the server.
    pub(crate) public_url: Option<Origin>,
    /// Where the metrics are shown, if anywhere.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Absolute.
    pub(crate) data_dir: PathBuf,
    pub(crate) database: Database,
    pub(crate) models: ModelsConfig,
    pub(crate) concurrent_runs: usize,
    pub(crate) max_turns: i64,
    pub(crate) task_timeout_ms: i64,
    pub(crate) session_idle_ms: i64,
    /// Milliseconds after which a silent server loses its runs.
    pub(crate) lease_ms: i64,
    pub(crate) master_key: MasterKeySource,
    pub(crate) signing: Signing,
    pub(crate) sign_up: SignUp,
    pub(crate) rate_limits: RateLimitsConfig,
    /// The sign-in services of others.
    pub(crate) oidc: Vec<OidcConfig>,
    pub(crate) allow_private_hosts: AllowList,
    /// Absent: the web is not searched.
    pub(crate) search: Option<SearchConfig>,
    pub(crate) sandbox: SandboxSettings,
    pub(crate) log_format: LogFormat,
    /// Values that must not be seen anywhere.
    pub(crate) secrets: Vec<Secret>,
}

/// Where the data lies.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// In this directory, absolute.
    Sqlite(PathBuf),
    /// At this URL, which holds a password.
    Postgres(Secret),
}

/// How commands are run.
#[derive(Debug, Clone)]
pub(crate) struct SandboxSettings {
    pub(crate) engine: EngineChoice,
    pub(crate) network: NetworkMode,
    pub(crate) limits: Limits,
}

/// Whether tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signing {
    On,
    Off,
}

/// The form of the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON else.
    Auto,
    Json,
    Text,
}

impl Settings {
    pub(super) fn resolve(raw: RawSettings, sources: &Sources) -> Result<Self, SettingsError> {
        let data_dir = data_dir(raw.data_dir.as_deref(), sources)?;
        let secrets = secrets(&raw);
        Ok(Self {
            listen: address("listen", &raw.listen)?,
            behind_proxy: raw.behind_proxy,
            trusted_proxies: networks(&raw.trusted_proxies)?,
            public_url: raw.public_url.as_deref().map(public_url).transpose()?,
            metrics_listen: match raw.metrics_listen.trim() {
                "off" => None,
                text => Some(address("metrics_listen", text)?),
            },
            database: database(raw.database_url, &data_dir)?,
            models: ModelsConfig {
                context_windows: raw
                    .context_tokens
                    .join(",")
                    .parse()
                    .map_err(|error| meaning(format!("`context_tokens`: {error}")))?,
                ..models(
                    raw.model,
                    raw.models,
                    [raw.anthropic, raw.openai, raw.gemini],
                )
            },
            concurrent_runs: at_least_one("concurrent_runs", raw.concurrent_runs)? as usize,
            max_turns: i64::from(at_least_one("max_turns", raw.max_turns)?),
            task_timeout_ms: i64::from(at_least_one("task_timeout_ms", raw.task_timeout_ms)?),
            session_idle_ms: i64::from(raw.session_idle_ms),
            lease_ms: i64::from(raw.lease_ms),
            master_key: master_key(
                raw.master_key,
                raw.master_key_file,
                raw.master_key_command,
                &data_dir,
            )?,
            signing: signing(&raw.signing)?,
            sign_up: sign_up(&raw.signup)?,
            rate_limits: rates(&raw.limits)?,
            oidc: raw
                .oidc
                .into_iter()
                .map(service::resolve)
                .collect::<Result<_, _>>()?,
            allow_private_hosts: raw
                .allow_private_hosts
                .join(",")
                .parse()
                .map_err(|error| meaning(format!("`allow_private_hosts`: {error}")))?,
            search: search(raw.search)?,
            sandbox: sandbox(&raw.sandbox)?,
            log_format: log_format(&raw.log_format)?,
            data_dir,
            secrets,
        })
    }
}

pub(super) fn meaning(text: impl Into<String>) -> SettingsError {
    SettingsError::Meaning(text.into())
}

fn address(key: &str, text: &str) -> Result<SocketAddr, SettingsError> {
    let text = text.trim();
    let numeric = text.replacen("localhost:", "127.0.0.1:", 1);
    numeric.parse().map_err(|_| {
        meaning(format!(
            "`{key}` must be an address and a port such as 127.0.0.1:8080 or [::1]:8080, not {text:?}"
        ))
    })
}

/// Networks in CIDR notation; a bare address is one of its own.
fn networks(texts: &[String]) -> Result<Vec<IpNet>, SettingsError> {
    let network = |text: &String| {
        let text = text.trim();
        let alone = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse().or_else(|_| alone()).map_err(|_| {
            meaning(format!(
                "`trusted_proxies`: {text:?} is no address and no network"
            ))
        })
    };
    texts.iter().map(network).collect()
}

fn public_url(text: &str) -> Result<Origin, SettingsError> {
    text.trim()
        .parse()
        .map_err(|error| meaning(format!("`public_url`: {error}")))
}

fn signing(name: &str) -> Result<Signing, SettingsError> {
    match name {
        "on" => Ok(Signing::On),
        "off" => Ok(Signing::Off),
        _ => Err(meaning("`signing` must be `on` or `off`")),
    }
}

fn sign_up(name: &str) -> Result<SignUp, SettingsError> {
    match name {
        "closed" => Ok(SignUp::Closed),
        "open" => Ok(SignUp::Open),
        _ => Err(meaning("`signup` must be `closed` or `open`")),
    }
}

fn rates(raw: &RawRates) -> Result<RateLimitsConfig, SettingsError> {
    let rate = |key: &str, number: i64| match number {
        0 => Ok(None),
        number => Rate::per_minute(number)
            .map(Some)
            .map_err(|error| meaning(format!("`limits.{key}`: {error}, or 0 for none"))),
    };
    Ok(RateLimitsConfig {
        key: rate("key", raw.key)?,
        end_user: rate("end_user", raw.end_user)?,
        user: rate("user", raw.user)?,
        organization: rate("organization", raw.organization)?,
        exchange: rate("exchange", raw.exchange)?,
        failure: rate("failure", raw.failure)?,
        sign_in: rate("sign_in", raw.sign_in)?,
    })
}

fn data_dir(given: Option<&str>, sources: &Sources) -> Result<PathBuf, SettingsError> {
    let path = match given {
        Some(given) => PathBuf::from(given),
        None => sources
            .variable("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(Path::new(sources.variable("HOME")?).join(".local/share")))
            .map(|directory| directory.join("sigmic"))
            .ok_or_else(|| meaning("there is no HOME: give a data directory (SIGMIC_DATA_DIR)"))?,
    };
    absolute(&path)
}

fn absolute(path: &Path) -> Result<PathBuf, SettingsError> {
    std::path::absolute(path).map_err(|_| meaning(format!("{path:?} is not a path")))
}

fn database(url: Option<String>, data_dir: &Path) -> Result<Database, SettingsError> {
    let Some(url) = url else {
        return Ok(Database::Sqlite(data_dir.to_owned()));
    };
    if let Some(path) = url.strip_prefix("sqlite://") {
        if path.is_empty() {
            return Err(meaning("`database_url`: write sqlite:///DIRECTORY"));
        }
        return absolute(Path::new(path)).map(Database::Sqlite);
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Database::Postgres(Secret::new(url)));
    }
    Err(meaning(
        "`database_url` must begin with sqlite:// or postgres://",
    ))
}

/// The pace of the demo: a client that creates a task has time to open its stream, as with any
/// real model.
const DEMO_THINKING_MS: u64 = 400;

fn models(
    default: Option<String>,
    offered: Vec<String>,
    [anthropic, openai, gemini]: [RawProvider; 3],
) -> ModelsConfig {
    ModelsConfig {
        default,
        offered,
        anthropic: provider(anthropic, AnthropicConfig::PUBLIC_BASE_URL)
            .map(|(base_url, api_key)| AnthropicConfig { base_url, api_key }),
        openai: provider(openai, OpenAiConfig::PUBLIC_BASE_URL)
            .map(|(base_url, api_key)| OpenAiConfig { base_url, api_key }),
        gemini: provider(gemini, GeminiConfig::PUBLIC_BASE_URL)
            .map(|(base_url, api_key)| GeminiConfig { base_url, api_key }),
        demo: DemoConfig {
            thinking_ms: DEMO_THINKING_MS,
        },
        ..ModelsConfig::default()
    }
}

/// The base URL and the key of a provider that is configured: with either of them.
fn provider(raw: RawProvider, public_base_url: &str) -> Option<(String, Option<ApiKey>)> {
    let RawProvider { api_key, base_url } = raw;
    if api_key.is_none() && base_url.is_none() {
        return None;
    }
    let api_key = api_key.map(ApiKey::new).filter(|key| !key.is_empty());
    let base_url = base_url.unwrap_or_else(|| public_base_url.to_owned());
    Some((base_url, api_key))
}

fn at_least_one(key: &str, number: u32) -> Result<u32, SettingsError> {
    if number == 0 {
        return Err(meaning(format!("`{key}` must be at least 1")));
    }
    Ok(number)
}

fn master_key(
    value: Option<String>,
    file: Option<String>,
    command: Option<String>,
    data_dir: &Path,
) -> Result<MasterKeySource, SettingsError> {
    match (value, file, command) {
        (None, None, None) => Ok(MasterKeySource::OwnFile(data_dir.join("master.key"))),
        (Some(value), None, None) => Ok(MasterKeySource::Value(Secret::new(value))),
        (None, Some(file), None) => Ok(MasterKeySource::ProvidedFile(PathBuf::from(file))),
        (None, None, Some(command)) => Ok(MasterKeySource::Command(command)),
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => Err(meaning(
            "at most one of `master_key`, `master_key_file` and `master_key_command` may be given",
        )),
    }
}

fn search(raw: RawSearch) -> Result<Option<SearchConfig>, SettingsError> {
    let RawSearch { backend, url, key } = raw;
    if backend == "none" {
        return Ok(None);
    }
    let kind = backend.parse();
    let kind =
        kind.map_err(|error: SearchConfigError| meaning(format!("`search.backend`: {error}")))?;
    Ok(Some(SearchConfig {
        kind,
        url,
        key: key.map(ApiKey::new),
    }))
}

fn sandbox(raw: &RawSandbox) -> Result<SandboxSettings, SettingsError> {
    let engine = raw.engine.parse();
    let engine = engine.map_err(|error| meaning(format!("`sandbox.engine`: {error}")))?;
    let network = network(&raw.network, &raw.network_allow)?;
    if engine == EngineChoice::None && network != NetworkMode::Full {
        return Err(meaning(
            "`sandbox.engine` is `none`, where nothing limits what commands reach: \
             `sandbox.network` must be `full`",
        ));
    }
    Ok(SandboxSettings {
        engine,
        network,
        limits: limits(&raw.limits)?,
    })
}

fn network(name: &str, allowed: &[String]) -> Result<NetworkMode, SettingsError> {
    match (name, allowed) {
        ("full", []) => Ok(NetworkMode::Full),
        ("none", []) => Ok(NetworkMode::None),
        ("full" | "none", _) => Err(meaning(
            "`sandbox.network_allow` counts only where `sandbox.network` is `allowlist`",
        )),
        ("allowlist", []) => Err(meaning(
            "`sandbox.network` is `allowlist`, and `sandbox.network_allow` names no host",
        )),
        ("allowlist", _) => NetworkMode::allowlist(allowed.to_vec())
            .map_err(|error| meaning(format!("`sandbox.network_allow`: {error}"))),
        _ => Err(meaning(
            "`sandbox.network` must be `full`, `allowlist` or `none`",
        )),
    }
}

fn limits(raw: &RawLimits) -> Result<Limits, SettingsError> {
    let smallest = [
        ("memory_bytes", raw.memory_bytes, 16 << 20),
        ("processes", raw.processes, 4),
        ("cpu_percent", u64::from(raw.cpu_percent), 1),
        ("open_files", raw.open_files, 16),
        ("file_bytes", raw.file_bytes, 1 << 10),
        ("workspace_bytes", raw.workspace_bytes, 1 << 10),
        ("tmp_bytes", raw.tmp_bytes, 4 << 10),
        ("egress_bytes", raw.egress_bytes, 64 << 10),
    ];
    for (name, value, least) in smallest {
        if value < least {
            return Err(meaning(format!(
                "`sandbox.limits.{name}` must be at least {least}: nothing runs with less"
            )));
        }
    }
    Ok(Limits {
        memory_bytes: raw.memory_bytes,
        processes: raw.processes,
        cpu_percent: raw.cpu_percent,
        open_files: raw.open_files,
        file_bytes: raw.file_bytes,
        workspace_bytes: raw.workspace_bytes,
        tmp_bytes: raw.tmp_bytes,
        egress_bytes: raw.egress_bytes,
    })
}

fn log_format(name: &str) -> Result<LogFormat, SettingsError> {
    match name {
        "auto" => Ok(LogFormat::Auto),
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err(meaning("`log_format` must be `auto`, `json` or `text`")),
    }
}

/// The secret values among the settings, and the password inside the database's URL.
fn secrets(raw: &RawSettings) -> Vec<Secret> {
    let password = raw.database_url.as_deref().and_then(|url| {
        let (_, rest) = url.split_once("://")?;
        let (account, _) = rest.rsplit_once('@')?;
        let (_, password) = account.split_once(':')?;
        Some(password.to_owned())
    });
    [
        raw.master_key.clone(),
        raw.anthropic.api_key.clone(),
        raw.openai.api_key.clone(),
        raw.gemini.api_key.clone(),
        raw.search.key.clone(),
        raw.database_url.clone(),
        password,
    ]
    .into_iter()
    .flatten()
    .chain(raw.oidc.iter().map(|one| one.client_secret.clone()))
    .map(Secret::new)
    .collect()
}
