//! What an engine offers, whichever it is.
//!
//! An engine makes sandboxes; a sandbox runs commands until it is destroyed. Other engines
//! (containers, pods, small virtual machines) implement the same two traits.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    ExecRequest, ExecResult, Owner, SandboxError, SandboxProcess, SandboxSpec, SpawnRequest,
};

/// What the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EngineChoice {
    /// The strongest engine whose self-test passes here; commands are refused when none does.
    #[default]
    Auto,
    /// The tier `native`, or commands are refused.
    Native,
    /// The tier `landlock`, or commands are refused.
    Landlock,
    /// Commands run without isolation. Never chosen unless it is asked for.
    None,
}

impl FromStr for EngineChoice {
    type Err = SandboxError;

    fn from_str(text: &str) -> Result<Self, SandboxError> {
        match text {
            "auto" => Ok(Self::Auto),
            "native" => Ok(Self::Native),
            "landlock" => Ok(Self::Landlock),
            "none" => Ok(Self::None),
            _ => Err(SandboxError::Invalid(
                "the sandbox engine must be `auto`, `native`, `landlock` or `none`",
            )),
        }
    }
}

/// How strong the isolation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tier {
    /// Namespaces, an own root, a system call filter, Landlock and limits.
    Native,
    /// Landlock, a stricter system call filter and limits, for machines that refuse namespaces.
    /// No network.
    Landlock,
    /// No isolation: another user where the server is root, limits, a clean environment, and the
    /// end of every process.
    None,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native => f.write_str("native"),
            Self::Landlock => f.write_str("landlock"),
            Self::None => f.write_str("none"),
        }
    }
}

/// One attempt that was made from inside a sandbox, or one property that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Its name.
    pub name: String,
    /// Whether the sandbox held.
    pub passed: bool,
    /// What was possible, if it did not.
    pub detail: Option<String>,
}

/// What the self-test found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProbeReport {
    /// The tier, if every probe passed.
    pub tier: Option<Tier>,
    /// Every probe that was made.
    pub probes: Vec<Probe>,
    /// Why there is no tier.
    pub reason: Option<String>,
    /// What the operator can do, one line each.
    pub remedies: Vec<String>,
    /// What holds limits besides the engine itself: which control groups, and what of them.
    pub limits: Option<String>,
    /// What works but is weaker than it could be (no control group, no Landlock).
    pub warnings: Vec<String>,
}

impl ProbeReport {
    /// The probes that did not pass.
    pub fn failures(&self) -> impl Iterator<Item = &Probe> {
        self.probes.iter().filter(|probe| !probe.passed)
    }
}

/// Makes sandboxes.
#[async_trait]
pub trait SandboxEngine: Send + Sync + fmt::Debug {
    /// Who must own the workspace with this number, a number that no other workspace of the
    /// server has: a kernel user of its own where the engine can give it one.
    fn workspace_owner(&self, number: u32) -> Owner;

    /// Makes a sandbox and attacks it from inside. Made once at the start and by `doctor`; the
    /// engine makes no sandbox for anybody before it has passed.
    async fn probe(&self) -> ProbeReport;

    /// Makes a sandbox.
    ///
    /// # Errors
    /// [`SandboxError::Unavailable`] when the self-test has failed or was never made;
    /// [`SandboxError::Start`] when this one cannot be built.
    async fn create(&self, spec: SandboxSpec) -> Result<Arc<dyn Sandbox>, SandboxError>;
}

/// A place where commands run. Dropped without [`Self::destroy`], it is ended all the same, only
/// without anybody knowing when.
#[async_trait]
pub trait Sandbox: Send + Sync + fmt::Debug {
    /// Where commands find the workspace, as an absolute path.
    fn workspace_path(&self) -> &str;

    /// What was asked for and cannot be given here, in words for people.
    fn shortfalls(&self) -> &[String];

    /// Runs a command to its end. The command is over when its own process is; what it leaves in
    /// the background stays until [`Self::kill_all`] or [`Self::destroy`]. Dropping the future
    /// kills the command with everything it started.
    ///
    /// # Errors
    /// [`SandboxError::CannotRun`] when it cannot be started, [`SandboxError::Gone`].
    async fn exec(&self, request: ExecRequest) -> Result<ExecResult, SandboxError>;

    /// Starts a program to talk to.
    ///
    /// # Errors
    /// [`SandboxError::Gone`], [`SandboxError::TooLarge`]; that the program cannot be executed is
    /// told by its handle.
    async fn spawn(&self, request: SpawnRequest) -> Result<SandboxProcess, SandboxError>;

    /// How many processes there are besides the sandbox's own.
    ///
    /// # Errors
    /// [`SandboxError::Gone`].
    async fn processes(&self) -> Result<usize, SandboxError>;

    /// Kills everything inside and returns when nothing is left. The sandbox stays usable.
    ///
    /// # Errors
    /// [`SandboxError::NotEmpty`] when the kernel could not end something in two seconds.
    async fn kill_all(&self) -> Result<(), SandboxError>;

    /// Ends the sandbox and returns when no process of it is left. May be called again.
    ///
    /// # Errors
    /// [`SandboxError::NotEmpty`] when the kernel could not end it in ten seconds.
    async fn destroy(&self) -> Result<(), SandboxError>;
}
