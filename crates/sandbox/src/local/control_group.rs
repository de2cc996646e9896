//! Control groups: true limits on memory, processes and processor time, where the server may
//! make them. Version 1, a directory a controller, is here; version 2, one tree that must have been
//! delegated, is preferred and in [`super::delegated`].

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::delegated::{self, Controller, Delegated, Kernel};
use crate::Limits;

/// Prefix of every group of ours.
pub(super) const PREFIX: &str = "sigmic-";
/// Period over which processor time is shared out, in microseconds.
pub(super) const CPU_PERIOD_US: u64 = 100_000;

/// Where groups can be made.
#[derive(Debug, Clone)]
pub(super) enum ControlGroups {
    /// Directories of the controllers that may be used; memory is always among them.
    One {
        memory: PathBuf,
        pids: Option<PathBuf>,
        cpu: Option<PathBuf>,
    },
    /// Our own subtree.
    Two(Delegated),
}

/// The group of one sandbox.
#[derive(Debug, Clone)]
pub(super) enum ControlGroup {
    /// A directory in each hierarchy.
    One {
        directories: Vec<PathBuf>,
        /// File that counts the kills for lack of memory.
        events: PathBuf,
    },
    /// One directory, with leaves.
    Two {
        directory: PathBuf,
        holds_memory: bool,
    },
}

impl fmt::Display for ControlGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held: Vec<_> = self.held().iter().map(Controller::to_string).collect();
        let held = if held.is_empty() {
            "nothing".to_owned()
        } else {
            held.join(", ")
        };
        match self {
            Self::One { .. } => write!(f, "control groups of version 1 hold {held}"),
            Self::Two(_) => write!(f, "control groups of version 2 hold {held}"),
        }
    }
}

impl ControlGroups {
    /// Finds out what may be used here. The error says why there is nothing.
    pub(super) fn find() -> Result<Self, String> {
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let mounts = fs::read_to_string("/proc/self/mounts").map_err(|error| error.to_string())?;
        let found = version_two(&own, &mounts).or_else(|two| {
            version_one(&own, &mounts).map_err(|one| format!("version 2: {two}; version 1: {one}"))
        })?;
        found.remove_stale();
        Ok(found)
    }

    /// The tree of version 2 below that directory, whatever it can hold.
    pub(super) fn below(parent: &Path) -> Result<Self, String> {
        let found = Self::Two(Delegated::open(&Kernel, parent.to_owned())?);
        found.remove_stale();
        Ok(found)
    }

    /// What they hold, in the order of [`Controller`].
    fn held(&self) -> Vec<Controller> {
        match self {
            Self::One { pids, cpu, .. } => [
                Some(Controller::Memory),
                pids.as_ref().map(|_| Controller::Pids),
                cpu.as_ref().map(|_| Controller::Cpu),
            ]
            .into_iter()
            .flatten()
            .collect(),
            Self::Two(delegated) => delegated.controllers.clone(),
        }
    }

    /// What is weaker than it could be, in words for the operator.
    pub(super) fn shortfall(&self) -> Option<String> {
        let held = self.held();
        let mut lacks = Vec::new();
        if !held.contains(&Controller::Memory) {
            lacks.push("memory is held by a watchdog");
        }
        if !held.contains(&Controller::Cpu) {
            lacks.push("processor time is shared");
        }
        (!lacks.is_empty()).then(|| format!("{self} only: {}", lacks.join(", ")))
    }

    /// Makes a group with `limits`.
    pub(super) fn make(&self, name: &str, limits: Limits) -> io::Result<ControlGroup> {
        let name = format!("{PREFIX}{}-{name}", std::process::id());
        match self {
            Self::One { memory, pids, cpu } => {
                let parents = parents(memory, pids.as_deref(), cpu.as_deref());
                let group = ControlGroup::One {
                    directories: parents.iter().map(|parent| parent.join(&name)).collect(),
                    events: memory.join(&name).join("memory.oom_control"),
                };
                let filled = [
                    Some((memory.as_path(), Controller::Memory)),
                    pids.as_deref().map(|parent| (parent, Controller::Pids)),
                    cpu.as_deref().map(|parent| (parent, Controller::Cpu)),
                ];
                let filled = parents
                    .iter()
                    .try_for_each(|parent| fs::create_dir(parent.join(&name)))
                    .and_then(|()| {
                        let mut all = filled.into_iter().flatten();
                        all.try_for_each(|(parent, controller)| {
                            limit_one(&parent.join(&name), controller, limits)
                        })
                    });
                if filled.is_err() {
                    group.remove();
                }
                filled.map(|()| group)
            }
            Self::Two(delegated) => Ok(ControlGroup::Two {
                directory: delegated.make(&Kernel, &name, limits)?,
                holds_memory: delegated.holds(Controller::Memory),
            }),
        }
    }

    /// Removes groups left by servers that are gone. One of version 1 with processes cannot be.
    fn remove_stale(&self) {
        let stale = |name: &str| {
            delegated::maker(name).is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
        };
        match self {
            Self::One { memory, pids, cpu } => {
                for parent in parents(memory, pids.as_deref(), cpu.as_deref()) {
                    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
                    for entry in
                        entries.filter(|entry| entry.file_name().to_str().is_some_and(stale))
                    {
                        // It may still be in use after all; then it stays.
                        let _ = fs::remove_dir(entry.path());
                    }
                }
            }
            Self::Two(delegated) => delegated.remove_stale(&Kernel, stale),
        }
    }
}

/// The directories in which a group of version 1 is made: controllers may share a hierarchy.
fn parents<'a>(memory: &'a Path, pids: Option<&'a Path>, cpu: Option<&'a Path>) -> Vec<&'a Path> {
    let mut parents = vec![memory];
    for parent in [pids, cpu].into_iter().flatten() {
        if !parents.contains(&parent) {
            parents.push(parent);
        }
    }
    parents
}

/// Sets a limit of a group of version 1.
fn limit_one(group: &Path, controller: Controller, limits: Limits) -> io::Result<()> {
    let set = |file: &str, value: u64| fs::write(group.join(file), value.to_string());
    match controller {
        Controller::Memory => {
            set("memory.limit_in_bytes", limits.memory_bytes)?;
            // Only where swap is accounted.
            let _ = set("memory.memsw.limit_in_bytes", limits.memory_bytes);
            Ok(())
        }
        // The monitor and the init are counted too.
        Controller::Pids => set("pids.max", limits.processes + 2),
        Controller::Cpu => {
            let quota = u64::from(limits.cpu_percent) * CPU_PERIOD_US / 100;
            set("cpu.cfs_period_us", CPU_PERIOD_US)?;
            set("cpu.cfs_quota_us", quota)
        }
    }
}

impl ControlGroup {
    /// The files into which our own processes write themselves to join.
    pub(super) fn join_files(&self) -> Vec<PathBuf> {
        match self {
            Self::One { directories, .. } => directories
                .iter()
                .map(|directory| {
                    // It has a file for single threads, which needs no lock on all processes.
                    let threads = directory.join("tasks");
                    if threads.exists() {
                        threads
                    } else {
                        directory.join("cgroup.procs")
                    }
                })
                .collect(),
            Self::Two { directory, .. } => vec![delegated::own_procs(directory)],
        }
    }

    /// What commands write themselves into to join, where they have a leaf of their own. Inside
    /// there is no such file, so it is opened here: the kernel asks whether the opener may.
    pub(super) fn commands(&self) -> io::Result<Option<OwnedFd>> {
        match self {
            Self::One { .. } => Ok(None),
            Self::Two { directory, .. } => fs::File::options()
                .write(true)
                .open(delegated::commands_procs(directory))
                .map(|file| Some(file.into())),
        }
    }

    pub(super) fn holds_memory(&self) -> bool {
        match self {
            Self::One { .. } => true,
            Self::Two { holds_memory, .. } => *holds_memory,
        }
    }

    /// How many processes were killed for lack of memory so far.
    pub(super) fn oom_kills(&self) -> u64 {
        let text = match self {
            Self::One { events, .. } => fs::read_to_string(events),
            Self::Two { directory, .. } => fs::read_to_string(directory.join("memory.events")),
        };
        text.unwrap_or_default()
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
            .unwrap_or(0)
    }

    /// Kills all commands at one blow, where that can be done.
    pub(super) fn end_commands(&self) {
        match self {
            Self::One { .. } => {}
            Self::Two { directory, .. } => delegated::end_commands(&Kernel, directory),
        }
    }

    /// Removes it. Works once its processes are gone.
    pub(super) fn remove(&self) {
        match self {
            Self::One { directories, .. } => {
                for directory in directories {
                    // What cannot be removed now is removed at the next start.
                    let _ = fs::remove_dir(directory);
                }
            }
            Self::Two { directory, .. } => delegated::remove(&Kernel, directory),
        }
    }
}

/// The directory of our own group in the hierarchy that has `controller`.
fn own_directory(own: &str, mounts: &str, controller: &str) -> Option<PathBuf> {
    let path = own.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        controllers
            .split(',')
            .any(|one| one == controller)
            .then_some(path)
    })?;
    let (kind, wanted) = if controller.is_empty() {
        ("cgroup2", None)
    } else {
        ("cgroup", Some(controller))
    };
    let mount = mounts.lines().find_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let [_, at, found, options, ..] = words.as_slice() else {
            return None;
        };
        let has = wanted.is_none_or(|wanted| options.split(',').any(|one| one == wanted));
        (*found == kind && has).then_some(*at)
    })?;
    let nested = Path::new(mount).join(path.trim_start_matches('/'));
    // In a container the path is that of the host, and our group is the root of what we see.
    Some(if nested.is_dir() {
        nested
    } else {
        PathBuf::from(mount)
    })
}

/// The name of a group that is made to see whether one can be.
pub(super) fn trial_name() -> String {
    static TRIALS: AtomicU32 = AtomicU32::new(0);
    let number = TRIALS.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{}-trial-{number}", std::process::id())
}

/// Whether a group can be made here, and has the file that holds the limit.
fn usable(parent: &Path, file: &str) -> bool {
    let trial = parent.join(trial_name());
    if fs::create_dir(&trial).is_err() {
        return false;
    }
    let usable = fs::File::options()
        .write(true)
        .open(trial.join(file))
        .is_ok();
    fs::remove_dir(&trial).is_ok() && usable
}

fn version_one(own: &str, mounts: &str) -> Result<ControlGroups, String> {
    let find = |controller: &str, file: &str| {
        own_directory(own, mounts, controller).filter(|directory| usable(directory, file))
    };
    Ok(ControlGroups::One {
        memory: find("memory", "memory.limit_in_bytes").ok_or("no memory group can be made")?,
        pids: find("pids", "pids.max"),
        cpu: find("cpu", "cpu.cfs_quota_us"),
    })
}

fn version_two(own: &str, mounts: &str) -> Result<ControlGroups, String> {
    let parent = own_directory(own, mounts, "").ok_or("not mounted")?;
    let controllers = fs::read_to_string(parent.join("cgroup.controllers")).unwrap_or_default();
    if !controllers.split_whitespace().any(|one| one == "memory") {
        return Err("the memory controller is not given to this server".to_owned());
    }
    Delegated::open(&Kernel, parent).map(ControlGroups::Two)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_group_is_found_by_controller() {
        let own = "4:memory:/x\n3:cpu,cpuacct:/\n0::/y\n";
        let mounts = "cgroup /c/memory cgroup rw,memory 0 0\n\
                      cgroup /c/cpu cgroup rw,cpu,cpuacct 0 0\n\
                      cgroup2 /c/unified cgroup2 rw 0 0\n";
        let find = |controller| own_directory(own, mounts, controller);
        // None of these exists, so each falls back to its mount.
        assert_eq!(find("memory"), Some(PathBuf::from("/c/memory")));
        assert_eq!(find("cpu"), Some(PathBuf::from("/c/cpu")));
        assert_eq!(find(""), Some(PathBuf::from("/c/unified")));
        assert_eq!(find("pids"), None);
    }
}
