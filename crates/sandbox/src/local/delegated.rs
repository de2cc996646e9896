//! Control groups of version 2: one tree, of which a part was handed to this server.
//!
//! Below that part are a leaf for the server itself, and for each sandbox a group that has the
//! limits, with two leaves: `own` for the processes of ours, and `commands`. What runs out of memory
//! is ended as a whole, and ours live on to tell of it; what is left at the end is killed at one
//! blow. To hold one more thing, add its controller to [`Controller`] and its files to
//! [`Delegated::limit`].

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::control_group::{CPU_PERIOD_US, PREFIX, trial_name};
use crate::Limits;

/// The leaf of this server: a group that shares out resources must not hold processes itself.
const SERVER: &str = "sigmic-server";
/// The leaf of a sandbox's first process, its keeper and the supervisors.
const OWN: &str = "own";
/// The leaf of what they run.
const COMMANDS: &str = "commands";

/// What a group can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Controller {
    Memory,
    Pids,
    Cpu,
}

impl Controller {
    const ALL: [Self; 3] = [Self::Memory, Self::Pids, Self::Cpu];
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
        })
    }
}

/// The tree as it is used: its directories are groups, its files are made by the kernel.
pub(super) trait Interface {
    fn read(&self, file: &Path) -> io::Result<String>;
    fn write(&self, file: &Path, value: &str) -> io::Result<()>;
    fn make(&self, group: &Path) -> io::Result<()>;
    fn remove(&self, group: &Path) -> io::Result<()>;
}

/// The kernel's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel;

impl Interface for Kernel {
    fn read(&self, file: &Path) -> io::Result<String> {
        fs::read_to_string(file)
    }

    fn write(&self, file: &Path, value: &str) -> io::Result<()> {
        // In one piece, and never to a file that the kernel did not make.
        let mut opened = fs::File::options().write(true).open(file)?;
        opened.write_all(value.as_bytes())
    }

    fn make(&self, group: &Path) -> io::Result<()> {
        fs::create_dir(group)
    }

    fn remove(&self, group: &Path) -> io::Result<()> {
        fs::remove_dir(group)
    }
}

/// Where groups can be made, and what they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delegated {
    pub(super) parent: PathBuf,
    pub(super) controllers: Vec<Controller>,
}

impl Delegated {
    /// Prepares `parent`. The error says why it cannot be used.
    pub(super) fn open(tree: &impl Interface, parent: PathBuf) -> Result<Self, String> {
        let said = tree.read(&parent.join("cgroup.controllers"));
        let said = said.map_err(|error| format!("{}: {error}", parent.display()))?;
        let given = |one: &Controller| said.split_whitespace().any(|word| word == one.to_string());
        let controllers: Vec<_> = Controller::ALL.into_iter().filter(given).collect();
        let found = Self {
            parent,
            controllers,
        };
        if found.enable(tree, &found.parent).is_err() {
            found.move_away(tree)?;
            found
                .enable(tree, &found.parent)
                .map_err(|error| format!("the controllers cannot be enabled: {error}"))?;
        }
        let trial = found.parent.join(trial_name());
        tree.make(&trial)
            .and_then(|()| tree.remove(&trial))
            .map_err(|error| format!("no group can be made: {error}"))?;
        Ok(found)
    }

    pub(super) fn holds(&self, controller: Controller) -> bool {
        self.controllers.contains(&controller)
    }

    /// Hands what there is on to the groups below.
    fn enable(&self, tree: &impl Interface, group: &Path) -> io::Result<()> {
        let file = group.join("cgroup.subtree_control");
        // One after the other: the kernel takes all of a line or nothing.
        self.controllers
            .iter()
            .try_for_each(|controller| tree.write(&file, &format!("+{controller}")))
    }

    /// Moves this server to a leaf.
    fn move_away(&self, tree: &impl Interface) -> Result<(), String> {
        let leaf = self.parent.join(SERVER);
        let made = match tree.make(&leaf) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        };
        let own = std::process::id().to_string();
        made.and_then(|()| tree.write(&leaf.join("cgroup.procs"), &own))
            .map_err(|error| format!("{}: {error}", leaf.display()))
    }

    /// Makes the group of a sandbox. On an error nothing stays.
    pub(super) fn make(
        &self,
        tree: &impl Interface,
        name: &str,
        limits: Limits,
    ) -> io::Result<PathBuf> {
        let group = self.parent.join(name);
        let made = tree
            .make(&group)
            .and_then(|()| self.fill(tree, &group, limits));
        if made.is_err() {
            remove(tree, &group);
        }
        made.map(|()| group)
    }

    fn fill(&self, tree: &impl Interface, group: &Path, limits: Limits) -> io::Result<()> {
        self.limit(tree, group, limits)?;
        let commands = group.join(COMMANDS);
        if self.holds(Controller::Memory) {
            tree.write(&group.join("cgroup.subtree_control"), "+memory")?;
        }
        tree.make(&group.join(OWN))?;
        tree.make(&commands)?;
        if self.holds(Controller::Memory) {
            tree.write(&commands.join("memory.oom.group"), "1")?;
        }
        Ok(())
    }

    fn limit(&self, tree: &impl Interface, group: &Path, limits: Limits) -> io::Result<()> {
        for controller in &self.controllers {
            match controller {
                Controller::Memory => {
                    let bytes = limits.memory_bytes.to_string();
                    tree.write(&group.join("memory.max"), &bytes)?;
                    match tree.write(&group.join("memory.swap.max"), "0") {
                        // Swap is not accounted here.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        written => written?,
                    }
                }
                Controller::Pids => {
                    // The monitor and the init are counted too.
                    let most = (limits.processes + 2).to_string();
                    tree.write(&group.join("pids.max"), &most)?;
                }
                Controller::Cpu => {
                    let quota = u64::from(limits.cpu_percent) * CPU_PERIOD_US / 100;
                    let share = format!("{quota} {CPU_PERIOD_US}");
                    tree.write(&group.join("cpu.max"), &share)?;
                }
            }
        }
        Ok(())
    }

    /// Ends and removes what servers that are gone have left.
    pub(super) fn remove_stale(&self, tree: &impl Interface, stale: impl Fn(&str) -> bool) {
        let Ok(entries) = fs::read_dir(&self.parent) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if name.to_str().is_some_and(&stale) {
                remove(tree, &entry.path());
            }
        }
    }
}

/// The file by which our own processes join.
pub(super) fn own_procs(group: &Path) -> PathBuf {
    group.join(OWN).join("cgroup.procs")
}

/// The file by which commands join.
pub(super) fn commands_procs(group: &Path) -> PathBuf {
    group.join(COMMANDS).join("cgroup.procs")
}

/// Kills every command at one blow, whatever it started. Ours are left, and see it.
pub(super) fn end_commands(tree: &impl Interface, group: &Path) {
    // Kernels before 5.14 have no such file: there the sandbox's first process ends them.
    let _ = tree.write(&group.join(COMMANDS).join("cgroup.kill"), "1");
}

/// Kills what is left in a group and removes it. What cannot be removed yet is at the next start.
pub(super) fn remove(tree: &impl Interface, group: &Path) {
    // Its members have ended in all likelihood, or there is no such file.
    let _ = tree.write(&group.join("cgroup.kill"), "1");
    for leaf in [COMMANDS, OWN] {
        let _ = tree.remove(&group.join(leaf));
    }
    let _ = tree.remove(group);
}

/// The process that made a group of that name.
pub(super) fn maker(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

#[cfg(test)]
#[path = "delegated_tests.rs"]
mod tests;
