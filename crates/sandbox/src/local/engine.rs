//! The engine: what is shared by its sandboxes, and whether they can be trusted.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::control_group::ControlGroups;
use super::launch::Launcher;
use super::self_test;
use super::spawner::Spawner;
use crate::{
    EgressConnector, Owner, ProbeReport, Sandbox, SandboxEngine, SandboxError, SandboxSpec, Tier,
};

/// First kernel user that workspaces get when the server is root: above the ranges of
/// distributions, systemd and subordinate ids.
const UID_BASE: u32 = 1_900_000_000;

/// How the local engine is set up.
#[derive(Debug, Clone)]
pub struct LocalConfig {
    /// Where the self-test makes its files; a directory of the server's.
    pub scratch: PathBuf,
    /// How the proxies of sandboxes connect out.
    pub connector: EgressConnector,
    /// Directories of the host seen inside at the same path, read-only, besides the system's.
    pub read_only: Vec<PathBuf>,
    /// Files and directories of the host, below `/usr` or `read_only`, in whose place there is
    /// nothing inside: whatever everybody on the host may read but no task should.
    pub hide: Vec<PathBuf>,
    /// A directory of the server's. Where commands run as other users without a root of their own,
    /// they get the right to pass through it and what is below it to their workspace, and only
    /// that.
    pub own_directory: Option<PathBuf>,
    /// Files and directories of the server that the self-test tries to open from inside: the
    /// master key, the database.
    pub hidden_paths: Vec<PathBuf>,
    /// First kernel user of workspaces when the server is root.
    pub uid_base: u32,
    /// Whether control groups are used where they can be made.
    pub control_groups: ControlGroupUse,
}

impl LocalConfig {
    /// The usual settings.
    pub fn new(scratch: PathBuf, connector: EgressConnector) -> Self {
        Self {
            scratch,
            connector,
            read_only: Vec::new(),
            hide: Vec::new(),
            own_directory: None,
            hidden_paths: Vec::new(),
            uid_base: UID_BASE,
            control_groups: ControlGroupUse::WhereAvailable,
        }
    }

    pub(crate) fn workspace_owner(&self, number: u32) -> Owner {
        if rustix::process::geteuid().is_root() {
            Owner::User(self.uid_base.saturating_add(number))
        } else {
            Owner::Server
        }
    }

    /// The group of all users that may pass to their workspaces.
    pub(super) fn passing_group(&self) -> u32 {
        self.uid_base.saturating_sub(1)
    }
}

/// Whether limits are held by control groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlGroupUse {
    /// Where the server may make them; else by a watchdog, with a warning.
    WhereAvailable,
    /// Below this directory of a tree of version 2 that was handed to the server, with whatever
    /// controllers it has; else as above.
    Below(PathBuf),
    /// Never.
    Off,
}

/// Whether the engine may be used.
#[derive(Debug, Clone)]
enum Verdict {
    Untested,
    Holds,
    Fails { reason: String, remedy: String },
}

/// The engine of one tier.
#[derive(Debug)]
pub struct LocalEngine {
    pub(super) tier: Tier,
    pub(super) launcher: Launcher,
    pub(super) config: LocalConfig,
    /// Why there are no control groups.
    pub(super) ungrouped: Option<String>,
    verdict: Mutex<Verdict>,
}

impl LocalEngine {
    /// Sets the engine up; it makes no sandbox before [`SandboxEngine::probe`] has passed.
    ///
    /// # Errors
    /// [`SandboxError::Io`] when its thread cannot be started.
    pub fn new(tier: Tier, config: LocalConfig) -> Result<Self, SandboxError> {
        let found = match &config.control_groups {
            ControlGroupUse::WhereAvailable => ControlGroups::find(),
            ControlGroupUse::Below(parent) => ControlGroups::below(parent),
            ControlGroupUse::Off => Err("switched off".to_owned()),
        };
        let (groups, ungrouped) = match found {
            Ok(groups) => (Some(groups), None),
            Err(reason) => (None, Some(reason)),
        };
        Ok(Self {
            tier,
            launcher: Launcher {
                tier,
                spawner: Spawner::start()?,
                groups,
                config: config.clone(),
            },
            config,
            ungrouped,
            verdict: Mutex::new(Verdict::Untested),
        })
    }
}

#[async_trait]
impl SandboxEngine for LocalEngine {
    fn workspace_owner(&self, number: u32) -> Owner {
        self.config.workspace_owner(number)
    }

    async fn probe(&self) -> ProbeReport {
        let report = self_test::run(self).await;
        let verdict = match (report.tier, &report.reason) {
            (Some(_), _) => Verdict::Holds,
            (None, reason) => Verdict::Fails {
                reason: reason.clone().unwrap_or_default(),
                remedy: report.remedies.join(" "),
            },
        };
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = verdict;
        report
    }

    async fn create(&self, spec: SandboxSpec) -> Result<Arc<dyn Sandbox>, SandboxError> {
        let verdict = self
            .verdict
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match verdict {
            Verdict::Holds => {}
            Verdict::Fails { reason, remedy } => {
                return Err(SandboxError::Unavailable { reason, remedy });
            }
            Verdict::Untested => {
                return Err(SandboxError::Unavailable {
                    reason: "the self-test has not been made".to_owned(),
                    remedy: "Probe the engine before using it.".to_owned(),
                });
            }
        }
        Ok(Arc::new(self.launcher.launch(spec).await?.sandbox))
    }
}
