//! Every setting, in one table: the file's keys, the environment's names, the reference page and
//! the check for unknown keys all come from here.
//!
//! To add a setting: a row here, a field in `raw.rs`, its use in `resolve.rs`, and
//! `sigmic reference configuration > docs/reference/configuration.md`.

/// How a text from the environment or a flag is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As it stands.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Switch,
    /// Separated by commas.
    List,
}

/// Whether a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Yes.
    Plain,
    /// Never.
    Secret,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Its key in `sigmic.toml`.
    pub(crate) key: &'static str,
    /// Its name in the environment.
    pub(crate) variable: &'static str,
    pub(crate) kind: Kind,
    pub(crate) shown: Shown,
    /// The default, for people.
    pub(crate) default: &'static str,
    /// What it does.
    pub(crate) help: &'static str,
}

const fn setting(
    key: &'static str,
    variable: &'static str,
    kind: Kind,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting {
        key,
        variable,
        kind,
        shown: Shown::Plain,
        default,
        help,
    }
}

const fn secret(
    key: &'static str,
    variable: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting {
        key,
        variable,
        kind: Kind::Text,
        shown: Shown::Secret,
        default,
        help,
    }
}

/// Every setting that something reads.
pub(crate) const SETTINGS: &[Setting] = &[
    setting(
        "listen",
        "SIGMIC_LISTEN",
        Kind::Text,
        "127.0.0.1:8080",
        "Address and port that the server listens on (flag `--listen`). An address beyond loopback needs `behind_proxy`. Port 0 takes a free one.",
    ),
    setting(
        "behind_proxy",
        "SIGMIC_BEHIND_PROXY",
        Kind::Switch,
        "false",
        "Says that a proxy in front of the server speaks TLS, so that it may listen beyond loopback (flag `--behind-proxy`).",
    ),
    setting(
        "trusted_proxies",
        "SIGMIC_TRUSTED_PROXIES",
        Kind::List,
        "none",
        "Addresses and networks (CIDR) of proxies whose `X-Forwarded-For` tells who is behind them. Without it the proxy itself is taken for the client.",
    ),
    setting(
        "public_url",
        "SIGMIC_PUBLIC_URL",
        Kind::Text,
        "where it listens",
        "Where browsers reach the server, such as `https://agents.example.org`: its own pages may always use a widget token.",
    ),
    setting(
        "metrics_listen",
        "SIGMIC_METRICS_LISTEN",
        Kind::Text,
        "off",
        "Address and port of the page `/metrics` for Prometheus, or `off`. It has no credential; an address beyond loopback needs `behind_proxy`. Port 0 takes a free one.",
    ),
    setting(
        "data_dir",
        "SIGMIC_DATA_DIR",
        Kind::Text,
        "$XDG_DATA_HOME/sigmic, else ~/.local/share/sigmic",
        "Directory of the database, the master key, the workspaces and the command line's key (flag `--data-dir`). Made with mode 0700.",
    ),
    secret(
        "database_url",
        "SIGMIC_DATABASE_URL",
        "the data directory",
        "`sqlite:///DIRECTORY` or `postgres://USER:PASSWORD@HOST/DATABASE`.",
    ),
    setting(
        "model",
        "SIGMIC_MODEL",
        Kind::Text,
        "the first offered model",
        "The model of tasks that name none, as `provider/model`.",
    ),
    setting(
        "models",
        "SIGMIC_MODELS",
        Kind::List,
        "the general model of each configured provider",
        "The models that requests may name, as `provider/model`.",
    ),
    setting(
        "context_tokens",
        "SIGMIC_CONTEXT_TOKENS",
        Kind::List,
        "what is known of each model, else 128000",
        "How many tokens a model can be shown at once: `provider/model=NUMBER`, or a number for all others. A conversation that outgrows it is summarized.",
    ),
    secret(
        "anthropic.api_key",
        "ANTHROPIC_API_KEY",
        "none",
        "Key of Anthropic, or of the gateway at `anthropic.base_url`.",
    ),
    setting(
        "anthropic.base_url",
        "ANTHROPIC_BASE_URL",
        Kind::Text,
        "https://api.anthropic.com",
        "Any gateway that speaks Anthropic's Messages API.",
    ),
    secret(
        "openai.api_key",
        "OPENAI_API_KEY",
        "none",
        "Key of OpenAI, or of the server at `openai.base_url`.",
    ),
    setting(
        "openai.base_url",
        "OPENAI_BASE_URL",
        Kind::Text,
        "https://api.openai.com/v1",
        "Any server that speaks OpenAI's chat completions; ends in `/v1`.",
    ),
    secret(
        "gemini.api_key",
        "GEMINI_API_KEY",
        "none",
        "Key of Gemini, or of the gateway at `gemini.base_url`.",
    ),
    setting(
        "gemini.base_url",
        "GEMINI_BASE_URL",
        Kind::Text,
        "https://generativelanguage.googleapis.com",
        "Any gateway that speaks Gemini's API.",
    ),
    setting(
        "concurrent_runs",
        "SIGMIC_CONCURRENT_RUNS",
        Kind::Integer,
        "64",
        "Runs at once in this process; further ones wait in the queue.",
    ),
    setting(
        "max_turns",
        "SIGMIC_MAX_TURNS",
        Kind::Integer,
        "100",
        "Model turns of a run at most, where the task names no limit.",
    ),
    setting(
        "task_timeout_ms",
        "SIGMIC_TASK_TIMEOUT_MS",
        Kind::Integer,
        "3600000",
        "Running time of a run at most, in milliseconds, where the task names no limit. Waiting for approvals does not count.",
    ),
    setting(
        "session_idle_ms",
        "SIGMIC_SESSION_IDLE_MS",
        Kind::Integer,
        "1800000",
        "Milliseconds without an open run after which a task's session (secrets, background processes) ends.",
    ),
    setting(
        "lease_ms",
        "SIGMIC_LEASE_MS",
        Kind::Integer,
        "30000",
        "Milliseconds after which a server that went silent loses its runs to the others on its database. Renewed three times as often.",
    ),
    secret(
        "master_key",
        "SIGMIC_MASTER_KEY",
        "none",
        "The master key itself: 64 hexadecimal characters. At most one of the three `master_key…` settings may be given; without any the file `master.key` in the data directory is made at the first start.",
    ),
    setting(
        "master_key_file",
        "SIGMIC_MASTER_KEY_FILE",
        Kind::Text,
        "none",
        "A file with the master key that somebody else provides (a mounted secret).",
    ),
    setting(
        "master_key_command",
        "SIGMIC_MASTER_KEY_COMMAND",
        Kind::Text,
        "none",
        "A shell command that prints the master key.",
    ),
    setting(
        "signing",
        "SIGMIC_SIGNING",
        Kind::Text,
        "on",
        "`on`: widget tokens are made and accepted; `off`: they answer `JWT_NOT_CONFIGURED`, API keys work.",
    ),
    setting(
        "signup",
        "SIGMIC_SIGNUP",
        Kind::Text,
        "closed",
        "`closed`: accounts are made by invitation; `open`: everybody who reaches the server may make one, with an organization of their own.",
    ),
    setting(
        "limits.key",
        "SIGMIC_LIMITS__KEY",
        Kind::Integer,
        "6000",
        "Requests a minute with one API key that has no limit of its own. 0: no limit.",
    ),
    setting(
        "limits.end_user",
        "SIGMIC_LIMITS__END_USER",
        Kind::Integer,
        "600",
        "Requests a minute of one end user of a widget app. 0: no limit.",
    ),
    setting(
        "limits.user",
        "SIGMIC_LIMITS__USER",
        Kind::Integer,
        "600",
        "Requests a minute of one person who is signed in. 0: no limit.",
    ),
    setting(
        "limits.organization",
        "SIGMIC_LIMITS__ORGANIZATION",
        Kind::Integer,
        "60000",
        "Requests a minute of a whole organization. 0: no limit.",
    ),
    setting(
        "limits.exchange",
        "SIGMIC_LIMITS__EXCHANGE",
        Kind::Integer,
        "600",
        "Tokens a minute that are made for one widget app. 0: no limit.",
    ),
    setting(
        "limits.failure",
        "SIGMIC_LIMITS__FAILURE",
        Kind::Integer,
        "6000",
        "Refused credentials a minute of one source address (IPv6: of its network of 64 bits), and refused secrets of one widget app, before they are answered with 429. Good credentials are not held up. 0: no limit.",
    ),
    setting(
        "limits.sign_in",
        "SIGMIC_LIMITS__SIGN_IN",
        Kind::Integer,
        "10",
        "Wrong passwords and one-time links a minute of one source address (IPv6: of its network of 64 bits), before further ones are answered with 429 without being looked at. 0: no limit.",
    ),
    setting(
        "allow_private_hosts",
        "SIGMIC_ALLOW_PRIVATE_HOSTS",
        Kind::List,
        "none",
        "Hosts (`host`, `host:port`, `*.suffix`), addresses and networks (CIDR) that sandboxes and web tools may reach although they are private.",
    ),
    setting(
        "search.backend",
        "SIGMIC_SEARCH__BACKEND",
        Kind::Text,
        "none",
        "The service that the tool `google_web_search` asks: `searxng`, `brave`, `tavily` or `none`.",
    ),
    setting(
        "search.url",
        "SIGMIC_SEARCH__URL",
        Kind::Text,
        "that of the service",
        "Where the search service is. Needed for `searxng`, whose settings must allow the format `json`.",
    ),
    secret(
        "search.key",
        "SIGMIC_SEARCH__KEY",
        "none",
        "Key of the search service. Needed for `brave` and `tavily`.",
    ),
    setting(
        "sandbox.engine",
        "SIGMIC_SANDBOX__ENGINE",
        Kind::Text,
        "auto",
        "How commands are isolated. `auto`: by the stronger of `native` and `landlock` whose self-test passes; either by its name: by that one. Where the test does not pass, shell commands are refused. `none`: commands run without isolation.",
    ),
    setting(
        "sandbox.network",
        "SIGMIC_SANDBOX__NETWORK",
        Kind::Text,
        "full",
        "What commands and web tools reach: `full` (public hosts on ports 80 and 443, through the server), `allowlist` (of these only the hosts of `sandbox.network_allow`) or `none`.",
    ),
    setting(
        "sandbox.network_allow",
        "SIGMIC_SANDBOX__NETWORK_ALLOW",
        Kind::List,
        "none",
        "The hosts that they reach with `allowlist`: `example.com`, or `*.example.com` for every name below it. A host that is private must also be in `allow_private_hosts`.",
    ),
    setting(
        "sandbox.limits.memory_bytes",
        "SIGMIC_SANDBOX__LIMITS__MEMORY_BYTES",
        Kind::Integer,
        "1073741824",
        "Memory of all processes of a sandbox together.",
    ),
    setting(
        "sandbox.limits.processes",
        "SIGMIC_SANDBOX__LIMITS__PROCESSES",
        Kind::Integer,
        "512",
        "Processes and threads of a sandbox together.",
    ),
    setting(
        "sandbox.limits.cpu_percent",
        "SIGMIC_SANDBOX__LIMITS__CPU_PERCENT",
        Kind::Integer,
        "100",
        "Share of one core, in percent; 200 is two cores. Held where control groups can be made.",
    ),
    setting(
        "sandbox.limits.open_files",
        "SIGMIC_SANDBOX__LIMITS__OPEN_FILES",
        Kind::Integer,
        "4096",
        "Open files of one process.",
    ),
    setting(
        "sandbox.limits.file_bytes",
        "SIGMIC_SANDBOX__LIMITS__FILE_BYTES",
        Kind::Integer,
        "1073741824",
        "Size of one file.",
    ),
    setting(
        "sandbox.limits.workspace_bytes",
        "SIGMIC_SANDBOX__LIMITS__WORKSPACE_BYTES",
        Kind::Integer,
        "2147483648",
        "Size of a workspace.",
    ),
    setting(
        "sandbox.limits.tmp_bytes",
        "SIGMIC_SANDBOX__LIMITS__TMP_BYTES",
        Kind::Integer,
        "268435456",
        "Size of `/tmp` of a sandbox.",
    ),
    setting(
        "sandbox.limits.egress_bytes",
        "SIGMIC_SANDBOX__LIMITS__EGRESS_BYTES",
        Kind::Integer,
        "21474836480",
        "Bytes that the connections of a session may pass, sent and received, of commands and web tools together.",
    ),
    setting(
        "log_format",
        "SIGMIC_LOG_FORMAT",
        Kind::Text,
        "auto",
        "Form of the logs on standard error: `json`, `text`, or `auto` (text on a terminal, JSON else).",
    ),
];

/// The keys of a table `[[oidc]]`, and what they mean. Only the file can have such tables.
pub(crate) const OIDC: &[(&str, &str)] = &[
    (
        "id",
        "Its name in paths: lower-case letters, digits, hyphens. The service is told the redirect URL `<public_url>/api/v1/auth/oidc/<id>/callback`.",
    ),
    ("name", "Its name for people."),
    (
        "issuer",
        "Its issuer identifier, an https URL exactly as the service writes it (http on this machine only).",
    ),
    ("client_id", "What this server is called there."),
    (
        "client_secret",
        "How this server shows that it is that. *Secret.*",
    ),
    (
        "allowed_domains",
        "Hosts of the e-mail addresses that may sign in, each as a whole. None: all.",
    ),
    (
        "group_roles",
        "What somebody new becomes in the first organization (`viewer`, `member`, `admin`), by the names in the claim `groups`; `*` is everybody, the highest counts. Somebody new for whom it names nothing is refused.",
    ),
];

/// A name of the environment that has no key in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
}

/// What only the environment says.
pub(crate) const VARIABLES: &[Variable] = &[
    Variable {
        name: "SIGMIC_CONFIG",
        help: "The configuration file (flag `--config`).",
    },
    Variable {
        name: "SIGMIC_API_KEY",
        help: "The key that `run` and `tasks` call with; else `cli.key` in the data directory.",
    },
    Variable {
        name: "SIGMIC_MANAGEMENT_KEY",
        help: "The key of class `management` that `projects`, `keys`, `widgets` and `selftest auth` call with; else `cli-management.key` in the data directory.",
    },
    Variable {
        name: "SIGMIC_BASE_URL",
        help: "The server that the commands call, without `/api/v1` (flag `--base-url`); else the one that runs on the data directory.",
    },
    Variable {
        name: "RUST_LOG",
        help: "What is logged: `error`, `warn`, `info` (the server's default), `debug`, `trace`, or a filter such as `info,tasks=debug`.",
    },
    Variable {
        name: "NO_COLOR",
        help: "Set to anything: no colours.",
    },
];

/// The setting of that key.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The candidate that `name` was most likely meant to be, if any comes close.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.len() / 2)
        .map(|(_, candidate)| candidate)
}
