//! The messages. `Order` goes to the init, `Note` comes back.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Tier;

/// Largest order. A packet of a socket pair is limited by its send buffer (425,984 bytes where
/// `net.core.wmem_max` has its usual value).
pub(crate) const MAX_ORDER_BYTES: usize = 384 * 1024;
/// Largest note.
pub(crate) const MAX_NOTE_BYTES: usize = 8 * 1024;

/// What the server asks of an init.
#[derive(Serialize, Deserialize)]
pub(crate) enum Order {
    /// First message; carries the workspace's directory. Answered by [`Note::Ready`] or
    /// [`Note::Refused`].
    Start(Start),
    /// Start a program; carries its standard input, output and error.
    Run(Run),
    /// Signal the process tree of a run.
    Stop { run: u64, how: Stop },
    /// Kill every process but the init. Answered by [`Note::Killed`].
    KillAll { order: u64 },
    /// Count the processes of the agent's. Answered by [`Note::Counted`].
    Count { order: u64 },
}

/// How a tree is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stop {
    /// SIGTERM: a chance to clean up.
    Ask,
    /// SIGKILL until nothing is left.
    Kill,
}

/// How the sandbox is built.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Start {
    /// How strongly commands are isolated.
    pub(crate) tier: Tier,
    /// Where commands find the workspace.
    pub(crate) workspace: String,
    /// The group whose members may pass to their workspaces by the host's paths.
    pub(crate) passing_group: u32,
    /// Files of control groups into which the new process writes itself before anything else.
    pub(crate) join: Vec<PathBuf>,
    /// The kernel uid and gid to become first; absent when the server is an ordinary user.
    pub(crate) become_uid: Option<u32>,
    /// The host name inside.
    pub(crate) host_name: String,
    /// Size of `/tmp`.
    pub(crate) tmp_bytes: u64,
    /// Resource limits of each process.
    pub(crate) limits: RunLimits,
    /// What to bind inside and hand back, in this order.
    pub(crate) listen: Vec<Listen>,
    /// Sum of resident memory above which init kills; absent when a control group does it.
    pub(crate) watch_memory_bytes: Option<u64>,
    /// Directories of the host that are seen inside at the same path, read-only.
    pub(crate) read_only: Vec<PathBuf>,
    /// Files and directories in whose place there is nothing.
    pub(crate) hide: Vec<PathBuf>,
}

/// A socket of the sandbox's own network that the server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Listen {
    /// For connections to this address and port.
    Tcp(Ipv4Addr, u16),
    /// For packets to this address and port.
    Udp(Ipv4Addr, u16),
}

/// Limits that the kernel keeps per process or per user namespace.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct RunLimits {
    /// Processes and threads of the sandbox.
    pub(crate) processes: u64,
    /// Open files of one process.
    pub(crate) open_files: u64,
    /// Size of one file.
    pub(crate) file_bytes: u64,
}

/// A program to start.
#[derive(Serialize, Deserialize)]
pub(crate) struct Run {
    /// Number given by the server.
    pub(crate) run: u64,
    /// What is run.
    pub(crate) program: Program,
    /// Directory, beneath the workspace.
    pub(crate) cwd: String,
    /// The whole environment. Holds secrets: never logged.
    pub(crate) env: Vec<(String, String)>,
}

/// What a run executes.
#[derive(Serialize, Deserialize)]
pub(crate) enum Program {
    /// A program found on the environment's `PATH`, with its arguments.
    Command(Vec<String>),
    /// The built-in probes, which write [`ProbeOutcome`]s as JSON to standard output.
    Probes(ProbeInput),
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

/// What the probes try to reach.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProbeInput {
    /// How strongly this sandbox must hold.
    pub(crate) tier: Tier,
    /// Files of the server that must be out of reach.
    pub(crate) hidden_paths: Vec<PathBuf>,
    /// Of these, those that were made for the attempt: it may change them.
    pub(crate) own_files: Vec<PathBuf>,
    /// TCP ports on which the server listens on the host's loopback.
    pub(crate) host_ports: Vec<u16>,
    /// Name of an abstract socket on which the server listens.
    pub(crate) host_abstract: Option<String>,
    /// Process of the host that must be out of reach.
    pub(crate) host_pid: i32,
    /// Number of processes that must not be exceeded.
    pub(crate) processes: u64,
    /// What the kernel counts against that number.
    pub(crate) counted: Counted,
}

/// Whose processes the kernel counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Counted {
    /// The sandbox's.
    Alone,
    /// Those of the server's user, of all its sandboxes and of whatever else it runs.
    WithOthers,
}

impl Counted {
    /// In a sandbox of `tier`, whose commands become `user` or stay the server's.
    pub(crate) fn of(tier: Tier, user: Option<u32>) -> Self {
        match (tier, user) {
            (Tier::Native, _) | (Tier::Landlock | Tier::None, Some(_)) => Self::Alone,
            (Tier::Landlock | Tier::None, None) => Self::WithOthers,
        }
    }
}

/// What one probe found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProbeOutcome {
    /// Stable name.
    pub(crate) name: String,
    /// Absent: the attempt failed as it must. Else: what was possible.
    pub(crate) open: Option<String>,
}

/// What an init reports.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Note {
    /// The init exists; carries a pidfd of it.
    Born,
    /// The sandbox stands; carries the listeners.
    Ready { warnings: Vec<String> },
    /// It could not be built.
    Refused { step: String, errno: i32 },
    /// The program of a run ended.
    Exited {
        run: u64,
        code: Option<i32>,
        signal: Option<i32>,
    },
    /// The program of a run could not be started.
    CannotRun { run: u64, step: String, errno: i32 },
    /// No process of a run is left.
    Empty { run: u64 },
    /// Answer to [`Order::KillAll`]: processes still there (0: none).
    Killed { order: u64, left: usize },
    /// Answer to [`Order::Count`].
    Counted { order: u64, processes: usize },
    /// Memory went over its limit and processes were killed.
    OverMemory,
}
