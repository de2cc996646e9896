//! What a sandbox is made of.

use crate::egress::HostPattern;
use crate::{EgressLedger, SandboxError, Workspace};

/// What can be reached over the network from inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkMode {
    /// Nothing but the sandbox's own loopback.
    None,
    /// The named hosts: exact names or `*.suffix`. Their private, loopback and link-local
    /// addresses are refused unless the operator allows them.
    Allowlist(Vec<String>),
    /// Every host, with the same exception.
    Full,
}

impl NetworkMode {
    /// Whether the network reaches `host`, a name or an address, as far as its list decides. What
    /// the host's addresses are is checked when it is connected to.
    pub fn lists(&self, host: &str) -> bool {
        match self {
            Self::None => false,
            Self::Allowlist(hosts) => {
                let host = host.to_ascii_lowercase();
                let host = host.trim_end_matches('.');
                let mut listed = hosts.iter().filter_map(|listed| HostPattern::parse(listed));
                listed.any(|listed| listed.matches(host))
            }
            Self::Full => true,
        }
    }

    /// The named hosts.
    ///
    /// # Errors
    /// [`SandboxError::Invalid`] for what is neither a name nor `*.` and a name.
    pub fn allowlist(hosts: Vec<String>) -> Result<Self, SandboxError> {
        let list = Self::Allowlist(hosts);
        list.patterns().map(|_| list)
    }

    /// What may be reached; absent where that is no list.
    pub(crate) fn patterns(&self) -> Result<Option<Vec<HostPattern>>, SandboxError> {
        match self {
            Self::None | Self::Full => Ok(None),
            Self::Allowlist(hosts) => hosts
                .iter()
                .map(|host| {
                    HostPattern::parse(host).ok_or(SandboxError::Invalid(
                        "an allowed host is a name or `*.` and a name",
                    ))
                })
                .collect::<Result<_, _>>()
                .map(Some),
        }
    }
}

/// How much a sandbox may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory of all processes together, in bytes. Held by a control group where one can be
    /// made, else by a watchdog that looks four times a second.
    pub memory_bytes: u64,
    /// Processes and threads together, the supervisor of each command included.
    pub processes: u64,
    /// Share of one core in percent; 200 is two cores. Held where a control group can be made.
    pub cpu_percent: u32,
    /// Open files of one process.
    pub open_files: u64,
    /// Size of one file in bytes.
    pub file_bytes: u64,
    /// Size of the workspace in bytes; looked at while a command runs, so it can be overrun by
    /// what is written in two seconds.
    pub workspace_bytes: u64,
    /// Size of `/tmp` in bytes.
    pub tmp_bytes: u64,
    /// Bytes that the connections of a session may pass, in both directions together. Held by the
    /// ledger of whoever makes the sandbox: see [`EgressLedger::with_limit`].
    pub egress_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            processes: 512,
            cpu_percent: 100,
            open_files: 4_096,
            file_bytes: 1 << 30,
            workspace_bytes: 2 << 30,
            tmp_bytes: 256 << 20,
            egress_bytes: 20 << 30,
        }
    }
}

/// What a sandbox is made of.
#[derive(Debug)]
pub struct SandboxSpec {
    /// The directory seen inside as `/workspace`. Its owner decides under which user commands
    /// run.
    pub workspace: Workspace,
    /// What can be reached.
    pub network: NetworkMode,
    /// How much may be used.
    pub limits: Limits,
    /// For logs and control groups: the task's id. Letters, digits and `-`, at most 64.
    pub label: String,
    /// Where receipts of its connections are written.
    pub ledger: EgressLedger,
}
