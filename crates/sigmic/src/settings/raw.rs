//! The settings as they are written, before anything is made of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The file's form. Every field is a row of the table in `table.rs`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSettings {
    pub(crate) listen: String,
    pub(crate) behind_proxy: bool,
    pub(crate) trusted_proxies: Vec<String>,
    pub(crate) public_url: Option<String>,
    pub(crate) metrics_listen: String,
    pub(crate) data_dir: Option<String>,
    pub(crate) database_url: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) models: Vec<String>,
    pub(crate) context_tokens: Vec<String>,
    pub(crate) anthropic: RawProvider,
    pub(crate) openai: RawProvider,
    pub(crate) gemini: RawProvider,
    pub(crate) concurrent_runs: u32,
    pub(crate) max_turns: u32,
    pub(crate) task_timeout_ms: u32,
    pub(crate) session_idle_ms: u32,
    pub(crate) lease_ms: u32,
    pub(crate) master_key: Option<String>,
    pub(crate) master_key_file: Option<String>,
    pub(crate) master_key_command: Option<String>,
    pub(crate) signing: String,
    pub(crate) signup: String,
    pub(crate) limits: RawRates,
    /// Tables of the file alone: see `OIDC` in `table.rs`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) oidc: Vec<RawOidc>,
    pub(crate) allow_private_hosts: Vec<String>,
    pub(crate) search: RawSearch,
    pub(crate) sandbox: RawSandbox,
    pub(crate) log_format: String,
}

/// A model provider.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawProvider {
    pub(crate) api_key: Option<String>,
    pub(crate) base_url: Option<String>,
}

/// A sign-in service: a table `[[oidc]]` of the file, which the environment cannot write.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawOidc {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    #[serde(default)]
    pub(crate) allowed_domains: Vec<String>,
    #[serde(default)]
    pub(crate) group_roles: BTreeMap<String, String>,
}

/// Requests a minute.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRates {
    pub(crate) key: i64,
    pub(crate) end_user: i64,
    pub(crate) user: i64,
    pub(crate) organization: i64,
    pub(crate) exchange: i64,
    pub(crate) failure: i64,
    pub(crate) sign_in: i64,
}

/// The search service.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSearch {
    pub(crate) backend: String,
    pub(crate) url: Option<String>,
    pub(crate) key: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSandbox {
    pub(crate) engine: String,
    pub(crate) network: String,
    pub(crate) network_allow: Vec<String>,
    pub(crate) limits: RawLimits,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLimits {
    pub(crate) memory_bytes: u64,
    pub(crate) processes: u64,
    pub(crate) cpu_percent: u32,
    pub(crate) open_files: u64,
    pub(crate) file_bytes: u64,
    pub(crate) workspace_bytes: u64,
    pub(crate) tmp_bytes: u64,
    pub(crate) egress_bytes: u64,
}

impl Default for RawSettings {
    fn default() -> Self {
        let limits = sandbox::Limits::default();
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            behind_proxy: false,
            trusted_proxies: Vec::new(),
            public_url: None,
            metrics_listen: "off".to_owned(),
            data_dir: None,
            database_url: None,
            model: None,
            models: Vec::new(),
            context_tokens: Vec::new(),
            anthropic: RawProvider::default(),
            openai: RawProvider::default(),
            gemini: RawProvider::default(),
            concurrent_runs: 64,
            max_turns: 100,
            task_timeout_ms: 3_600_000,
            session_idle_ms: 1_800_000,
            lease_ms: 30_000,
            master_key: None,
            master_key_file: None,
            master_key_command: None,
            signing: "on".to_owned(),
            signup: "closed".to_owned(),
            limits: RawRates {
                key: 6_000,
                end_user: 600,
                user: 600,
                organization: 60_000,
                exchange: 600,
                failure: 6_000,
                sign_in: 10,
            },
            oidc: Vec::new(),
            allow_private_hosts: Vec::new(),
            search: RawSearch {
                backend: "none".to_owned(),
                url: None,
                key: None,
            },
            sandbox: RawSandbox {
                engine: "auto".to_owned(),
                network: "full".to_owned(),
                network_allow: Vec::new(),
                limits: RawLimits {
                    memory_bytes: limits.memory_bytes,
                    processes: limits.processes,
                    cpu_percent: limits.cpu_percent,
                    open_files: limits.open_files,
                    file_bytes: limits.file_bytes,
                    workspace_bytes: limits.workspace_bytes,
                    tmp_bytes: limits.tmp_bytes,
                    egress_bytes: limits.egress_bytes,
                },
            },
            log_format: "auto".to_owned(),
        }
    }
}
