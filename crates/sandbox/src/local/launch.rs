//! Making one sandbox: from a socket pair to a serving init.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::io::unix::AsyncFd;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::control_group::{ControlGroup, ControlGroups};
use super::disk::DiskWatch;
use super::inside::Inside;
use super::link::{Link, next_note};
use super::reach::open_way;
use super::sandbox::LocalSandbox;
use super::spawner::Spawner;
use super::watched::watch;
use crate::control::{MAX_NOTE_BYTES, MAX_ORDER_BYTES, Note, Order, RunLimits, Start, send};
use crate::egress::{Doors, Gate, LISTEN, PROXY_PORT};
use crate::{LocalConfig, NetworkMode, Owner, SandboxError, SandboxSpec, Tier, Workspace};

/// Time for a sandbox to stand.
const START_TIME: Duration = Duration::from_secs(10);

/// What every launch of an engine shares.
#[derive(Debug, Clone)]
pub(super) struct Launcher {
    pub(super) tier: Tier,
    pub(super) spawner: Spawner,
    pub(super) groups: Option<ControlGroups>,
    pub(super) config: LocalConfig,
}

/// What is told where a network is asked for and cannot be given.
const NO_NETWORK: &str = "Commands run without network: the sandbox of this server is of the tier \
                          `landlock`, which has none";

/// The network that a sandbox has, and what is lacking.
struct Given {
    network: NetworkMode,
    shortfalls: Vec<String>,
}

/// A sandbox that stands, and what is weaker in it than it should be.
pub(super) struct Launched {
    pub(super) sandbox: LocalSandbox,
    pub(super) warnings: Vec<String>,
}

/// Processes that must not outlive a launch that fails or is dropped.
struct Birth {
    spawner: Spawner,
    monitor: Option<Child>,
    group: Option<ControlGroup>,
}

impl Drop for Birth {
    fn drop(&mut self) {
        if let Some(mut monitor) = self.monitor.take() {
            // Its init dies with it.
            let _ = monitor.kill();
            self.spawner.reap_unseen(monitor, self.group.take());
        }
    }
}

impl Launcher {
    /// Makes a sandbox.
    pub(super) async fn launch(&self, spec: SandboxSpec) -> Result<Launched, SandboxError> {
        check(&spec)?;
        if self.tier != Tier::Native && !self.config.hide.is_empty() {
            return Err(SandboxError::Invalid(
                "paths can be hidden by the tier `native` only",
            ));
        }
        let network = self.network(&spec.network)?;
        self.open_way(&spec.workspace)?;
        let inside = Inside::new(self.tier, &spec.workspace)?;
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(|error| SandboxError::io("making the control channel")(error.into()))?;
        rustix::io::ioctl_fionbio(&ours, true)
            .and_then(|()| {
                rustix::net::sockopt::set_socket_send_buffer_size(&ours, MAX_ORDER_BYTES)
            })
            .map_err(|error| SandboxError::io("making the control channel")(error.into()))?;
        let mut birth = Birth {
            spawner: self.spawner.clone(),
            monitor: Some(self.spawner.spawn(theirs).await?),
            group: None,
        };
        birth.group = self.join_group(&spec, &birth)?;
        let start = self.start_order(&spec, &inside, &network, birth.group.as_ref());
        let commands = match &birth.group {
            Some(group) => group.commands(),
            None => Ok(None),
        };
        let commands = commands.map_err(SandboxError::io("opening the control group"))?;
        let mut descriptors = vec![spec.workspace.directory()];
        descriptors.extend(commands.as_ref().map(AsFd::as_fd));
        send(ours.as_fd(), &start, &descriptors, MAX_ORDER_BYTES)
            .map_err(SandboxError::io("starting the sandbox"))?;
        let socket = watch(ours).map_err(SandboxError::io("the control channel"))?;
        let stands = timeout(START_TIME, stands(&socket))
            .await
            .map_err(|_| start_error("ready", io::Error::from(io::ErrorKind::TimedOut)))??;
        self.assemble(spec, inside, network, birth, socket, stands)
    }

    fn join_group(
        &self,
        spec: &SandboxSpec,
        birth: &Birth,
    ) -> Result<Option<ControlGroup>, SandboxError> {
        let (Some(groups), Some(monitor)) = (&self.groups, &birth.monitor) else {
            return Ok(None);
        };
        let name = format!("{}-{}", spec.label, monitor.id());
        groups
            .make(&name, spec.limits)
            .map(Some)
            .map_err(SandboxError::io("making the control group"))
    }

    /// The network that a sandbox of this tier gives where `asked` is wanted.
    fn network(&self, asked: &NetworkMode) -> Result<Given, SandboxError> {
        asked.patterns()?;
        match (self.tier, asked) {
            (Tier::Native, _) | (Tier::Landlock, NetworkMode::None) => Ok(Given {
                network: asked.clone(),
                shortfalls: Vec::new(),
            }),
            (Tier::Landlock, NetworkMode::Full | NetworkMode::Allowlist(_)) => Ok(Given {
                network: NetworkMode::None,
                shortfalls: vec![NO_NETWORK.to_owned()],
            }),
            // The machine's own: there is nothing of ours to listen.
            (Tier::None, NetworkMode::Full) => Ok(Given {
                network: NetworkMode::None,
                shortfalls: Vec::new(),
            }),
            (Tier::None, NetworkMode::None | NetworkMode::Allowlist(_)) => {
                Err(SandboxError::Unavailable {
                    reason: "without isolation nothing limits what commands reach".to_owned(),
                    remedy: "Set `sandbox.network` to `full`, or choose an engine that isolates."
                        .to_owned(),
                })
            }
        }
    }

    /// Where commands go by the path of the host, and are another user: makes that possible.
    fn open_way(&self, workspace: &Workspace) -> Result<(), SandboxError> {
        match (self.tier, workspace.owner()) {
            (Tier::Native, _) | (_, Owner::Server) => Ok(()),
            (Tier::Landlock | Tier::None, Owner::User(_)) => {
                let group = self.config.passing_group();
                let own = self.config.own_directory.as_deref();
                let path = std::path::absolute(workspace.host_path());
                path.and_then(|path| open_way(&path, own, group))
                    .map_err(|error| start_error("reach the workspace", error))
            }
        }
    }

    fn start_order(
        &self,
        spec: &SandboxSpec,
        inside: &Inside,
        given: &Given,
        group: Option<&ControlGroup>,
    ) -> Order {
        let limits = spec.limits;
        Order::Start(Start {
            tier: self.tier,
            workspace: inside.workspace.clone(),
            passing_group: self.config.passing_group(),
            join: group.map(ControlGroup::join_files).unwrap_or_default(),
            become_uid: spec.workspace.owner().id(),
            host_name: "sandbox".to_owned(),
            tmp_bytes: limits.tmp_bytes,
            limits: RunLimits {
                processes: limits.processes,
                open_files: limits.open_files,
                file_bytes: limits.file_bytes,
            },
            listen: match given.network {
                NetworkMode::None => Vec::new(),
                NetworkMode::Full | NetworkMode::Allowlist(_) => LISTEN.to_vec(),
            },
            watch_memory_bytes: (!group.is_some_and(ControlGroup::holds_memory))
                .then_some(limits.memory_bytes),
            read_only: self.config.read_only.clone(),
            hide: self.config.hide.clone(),
        })
    }

    fn assemble(
        &self,
        spec: SandboxSpec,
        inside: Inside,
        given: Given,
        mut birth: Birth,
        socket: AsyncFd<OwnedFd>,
        stands: Stands,
    ) -> Result<Launched, SandboxError> {
        let null = std::fs::File::open("/dev/null").map_err(SandboxError::io("/dev/null"))?;
        let mut tasks = JoinSet::new();
        if given.network != NetworkMode::None {
            let gate = Gate::new(
                self.config.connector.clone(),
                given.network.patterns()?,
                spec.ledger,
            );
            let doors = Doors::new(stands.listeners);
            let doors = doors.map_err(SandboxError::io("the sandbox's ways out"))?;
            tasks.spawn(doors.serve(gate));
        }
        let disk = Arc::new(DiskWatch::new(spec.limits.workspace_bytes));
        let link = Arc::new(Link::new(socket, stands.init));
        let (watch, watched, workspace) = (
            Arc::clone(&disk),
            Arc::clone(&link),
            spec.workspace.try_clone()?,
        );
        tasks.spawn(async move { watch.keep(&workspace, &watched).await });
        let reader = Arc::clone(&link);
        tasks.spawn(async move { reader.listen().await });
        let sandbox = LocalSandbox {
            link,
            workspace: spec.workspace,
            disk,
            proxy: (given.network != NetworkMode::None).then_some(PROXY_PORT),
            inside,
            shortfalls: given.shortfalls,
            control_group: birth.group.take(),
            spawner: self.spawner.clone(),
            tasks: Mutex::new(tasks),
            monitor: Mutex::new(birth.monitor.take()),
            ending: tokio::sync::Mutex::default(),
            null: null.into(),
        };
        Ok(Launched {
            sandbox,
            warnings: stands.warnings,
        })
    }
}

/// What a finished start brought.
struct Stands {
    init: OwnedFd,
    listeners: Vec<OwnedFd>,
    warnings: Vec<String>,
}

/// Waits for the notes of a start.
async fn stands(socket: &AsyncFd<OwnedFd>) -> Result<Stands, SandboxError> {
    let mut buffer = vec![0; MAX_NOTE_BYTES];
    let mut init = None;
    loop {
        let Some((note, descriptors)) = next_note(socket, &mut buffer).await else {
            let closed = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(start_error("start", closed));
        };
        match note {
            Note::Born => init = descriptors.into_iter().next(),
            Note::Ready { warnings } => {
                // The monitor and the init send on their own, so their notes may cross.
                let init = match init {
                    Some(init) => init,
                    None => born(socket, &mut buffer).await?,
                };
                return Ok(Stands {
                    init,
                    listeners: descriptors,
                    warnings,
                });
            }
            Note::Refused { step, errno } => {
                return Err(start_error(&step, io::Error::from_raw_os_error(errno)));
            }
            Note::Exited { .. }
            | Note::CannotRun { .. }
            | Note::Empty { .. }
            | Note::Killed { .. }
            | Note::Counted { .. }
            | Note::OverMemory => {}
        }
    }
}

async fn born(socket: &AsyncFd<OwnedFd>, buffer: &mut [u8]) -> Result<OwnedFd, SandboxError> {
    match next_note(socket, buffer).await {
        Some((Note::Born, descriptors)) => descriptors.into_iter().next(),
        _ => None,
    }
    .ok_or_else(|| start_error("start", io::Error::from(io::ErrorKind::UnexpectedEof)))
}

fn start_error(step: &str, source: io::Error) -> SandboxError {
    SandboxError::Start {
        step: step.to_owned(),
        source,
    }
}

fn check(spec: &SandboxSpec) -> Result<(), SandboxError> {
    let fits = spec.label.len() <= 64
        && spec
            .label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !fits {
        return Err(SandboxError::Invalid(
            "a label is made of at most 64 letters, digits and `-`",
        ));
    }
    let root = rustix::process::geteuid().is_root();
    match spec.workspace.owner().id() {
        Some(0) => Err(SandboxError::Invalid("a workspace must not belong to root")),
        // The kernel reads it as "no change".
        Some(u32::MAX) => Err(SandboxError::Invalid("there is no such user")),
        Some(_) if !root => Err(SandboxError::Invalid(
            "only root can run commands under another user",
        )),
        None if root => Err(SandboxError::Invalid(
            "a server that is root needs a user for the workspace",
        )),
        Some(_) | None => Ok(()),
    }
}
