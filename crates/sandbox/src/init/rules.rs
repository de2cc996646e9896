//! Landlock: which files may be used.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};

use super::mounts::{ETC, is_of_a_language};
use crate::control::Start;

/// The newest version that was looked at. An older kernel enforces what it knows.
const KNOWN: ABI = ABI::V6;

/// Where programs are.
const SYSTEM: &[&str] = &[
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
];
/// Files of `/etc` that are synthetic where there is an own root.
const ETC_HOST: &[&str] = &["passwd", "group", "nsswitch.conf", "hosts"];
/// What `/proc` says of the machine, and of no process.
const MACHINE: &[&str] = &[
    "/proc/cpuinfo",
    "/proc/filesystems",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys",
    "/proc/uptime",
    "/proc/version",
];
const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom", "tty"];

/// What of `/proc` a ruleset lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proc {
    /// All of it, as the init needs that finds and ends processes.
    Whole,
    /// Nothing that tells of processes.
    Machine,
}

/// The second layer of the tier `native`: everything may be read and executed; only the
/// workspace, `/tmp` and `/dev` may be written.
pub(super) fn restrict_own_root() -> io::Result<RulesetStatus> {
    let all = AccessFs::from_all(KNOWN);
    let read = AccessFs::from_read(KNOWN);
    let rules = [
        ("/", read),
        ("/workspace", all),
        ("/tmp", all),
        ("/dev", all),
        // A process may write the few files of its own that the kernel offers (oom_score_adj).
        ("/proc", read | AccessFs::WriteFile),
    ];
    let mut ruleset = Layer::new(Some(Scope::from_all(KNOWN)))?;
    for (path, access) in rules {
        ruleset.add(Path::new(path), access)?;
    }
    let status = ruleset.0.restrict_self().map_err(io::Error::other)?;
    Ok(status.ruleset)
}

/// The layers of the tier `landlock`.
#[derive(Debug)]
pub(super) struct Layers {
    init: RulesetCreated,
    commands: RulesetCreated,
}

impl Layers {
    /// Prepares both, while every path may still be opened.
    pub(super) fn prepare(start: &Start) -> io::Result<Self> {
        Ok(Self {
            // Signals and abstract sockets end at the init's layer, so that commands can signal
            // one another and nobody else.
            init: layer(start, Proc::Whole, Some(Scope::from_all(KNOWN)))?,
            commands: layer(start, Proc::Machine, None)?,
        })
    }

    /// Restricts the init; returns the layer that each command puts on itself.
    pub(super) fn restrict_init(self) -> io::Result<(CommandLayer, RestrictionStatus)> {
        let status = self.init.restrict_self().map_err(io::Error::other)?;
        Ok((CommandLayer(self.commands), status))
    }
}

/// See [`Layers::restrict_init`].
#[derive(Debug)]
pub(super) struct CommandLayer(RulesetCreated);

impl CommandLayer {
    /// Restricts this process.
    pub(super) fn restrict(&self) -> io::Result<()> {
        let ruleset = self.0.try_clone()?;
        let status = ruleset.restrict_self().map_err(io::Error::other)?;
        match status.ruleset {
            RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
            RulesetStatus::NotEnforced => Err(io::Error::from(io::ErrorKind::Unsupported)),
        }
    }
}

fn layer(start: &Start, proc: Proc, scope: Option<BitFlags<Scope>>) -> io::Result<RulesetCreated> {
    let all = AccessFs::from_all(KNOWN);
    let read = AccessFs::from_read(KNOWN);
    let use_device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
    let mut layer = Layer::new(scope)?;
    layer.add(Path::new(&start.workspace), all)?;
    for path in SYSTEM.iter().map(Path::new) {
        layer.add_if_there(path, read)?;
    }
    for path in start.read_only.iter().chain(&etc()?) {
        layer.add_if_there(path, read)?;
    }
    for name in DEVICES {
        layer.add_if_there(&Path::new("/dev").join(name), use_device)?;
    }
    match proc {
        Proc::Whole => layer.add(Path::new("/proc"), read | AccessFs::WriteFile)?,
        Proc::Machine => {
            for path in MACHINE.iter().map(Path::new) {
                layer.add_if_there(path, read)?;
            }
        }
    }
    Ok(layer.0)
}

/// The parts of the host's `/etc` that programs need.
fn etc() -> io::Result<Vec<PathBuf>> {
    let etc = Path::new("/etc");
    let mut paths: Vec<PathBuf> = ETC
        .iter()
        .chain(ETC_HOST)
        .map(|name| etc.join(name))
        .collect();
    for entry in fs::read_dir(etc)?.flatten() {
        if is_of_a_language(&entry.file_name()) {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

/// A ruleset that is being put together.
struct Layer(RulesetCreated);

impl Layer {
    fn new(scope: Option<BitFlags<Scope>>) -> io::Result<Self> {
        let ruleset = Ruleset::default()
            .handle_access(AccessFs::from_all(KNOWN))
            .map_err(io::Error::other)?;
        let ruleset = match scope {
            Some(scope) => ruleset.scope(scope).map_err(io::Error::other)?,
            None => ruleset,
        };
        ruleset.create().map(Self).map_err(io::Error::other)
    }

    fn add(&mut self, path: &Path, access: BitFlags<AccessFs>) -> io::Result<()> {
        let opened = PathFd::new(path).map_err(io::Error::other)?;
        let access = if path.is_dir() {
            access
        } else {
            access & AccessFs::from_file(KNOWN)
        };
        // The library takes and returns the ruleset by reference too.
        (&mut self.0)
            .add_rule(PathBeneath::new(opened, access))
            .map_err(io::Error::other)?;
        Ok(())
    }

    fn add_if_there(&mut self, path: &Path, access: BitFlags<AccessFs>) -> io::Result<()> {
        if path.exists() {
            self.add(path, access)
        } else {
            Ok(())
        }
    }
}
