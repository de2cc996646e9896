//! Control groups: true limits on memory, processes and processor time, where the server may
//! make them. Version 1 (a directory a controller) and version 2 (one tree, delegated).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Limits;

/// Prefix of every group of ours.
const PREFIX: &str = "sigmic-";
/// Period over which processor time is shared out, in microseconds.
const CPU_PERIOD_US: u64 = 100_000;

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
    Two(PathBuf),
}

/// The group of one sandbox.
#[derive(Debug, Clone)]
pub(super) struct ControlGroup {
    directories: Vec<PathBuf>,
    /// File that counts the kills for lack of memory.
    events: PathBuf,
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

    fn parents(&self) -> Vec<&PathBuf> {
        match self {
            Self::One { memory, pids, cpu } => {
                let mut parents = vec![memory];
                for parent in [pids, cpu].into_iter().flatten() {
                    // Controllers may share a hierarchy.
                    if !parents.contains(&parent) {
                        parents.push(parent);
                    }
                }
                parents
            }
            Self::Two(parent) => vec![parent],
        }
    }

    /// Makes a group with `limits`.
    pub(super) fn make(&self, name: &str, limits: Limits) -> io::Result<ControlGroup> {
        let name = format!("{PREFIX}{}-{name}", std::process::id());
        let directories: Vec<_> = self
            .parents()
            .iter()
            .map(|parent| parent.join(&name))
            .collect();
        let events = match self {
            Self::One { memory, .. } => memory.join(&name).join("memory.oom_control"),
            Self::Two(parent) => parent.join(&name).join("memory.events"),
        };
        let group = ControlGroup {
            directories,
            events,
        };
        let filled = group.fill(self, limits);
        if filled.is_err() {
            group.remove();
        }
        filled.map(|()| group)
    }

    /// Removes groups left by servers that are gone. A group with processes cannot be removed.
    fn remove_stale(&self) {
        for parent in self.parents() {
            let Ok(entries) = fs::read_dir(parent) else {
                continue;
            };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let server = name
                    .to_str()
                    .and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok());
                if server.is_some_and(|pid: u32| !Path::new(&format!("/proc/{pid}")).exists()) {
                    // It may still be in use after all; then it stays.
                    let _ = fs::remove_dir(entry.path());
                }
            }
        }
    }
}

impl ControlGroup {
    fn fill(&self, kind: &ControlGroups, limits: Limits) -> io::Result<()> {
        for directory in &self.directories {
            fs::create_dir(directory)?;
        }
        // The monitor and the init are counted too.
        let processes = (limits.processes + 2).to_string();
        let memory = limits.memory_bytes.to_string();
        let quota = u64::from(limits.cpu_percent) * CPU_PERIOD_US / 100;
        let set = |parent: &Path, file: &str, value: &str| fs::write(parent.join(file), value);
        match kind {
            ControlGroups::One {
                memory: root,
                pids,
                cpu,
            } => {
                for directory in &self.directories {
                    let below = |parent: Option<&PathBuf>| {
                        directory.parent() == parent.map(PathBuf::as_path)
                    };
                    if below(Some(root)) {
                        set(directory, "memory.limit_in_bytes", &memory)?;
                        // Only where swap is accounted.
                        let _ = set(directory, "memory.memsw.limit_in_bytes", &memory);
                    }
                    if below(pids.as_ref()) {
                        set(directory, "pids.max", &processes)?;
                    }
                    if below(cpu.as_ref()) {
                        set(directory, "cpu.cfs_period_us", &CPU_PERIOD_US.to_string())?;
                        set(directory, "cpu.cfs_quota_us", &quota.to_string())?;
                    }
                }
            }
            ControlGroups::Two(_) => {
                for directory in &self.directories {
                    set(directory, "memory.max", &memory)?;
                    let _ = set(directory, "memory.swap.max", "0");
                    set(directory, "pids.max", &processes)?;
                    set(directory, "cpu.max", &format!("{quota} {CPU_PERIOD_US}"))?;
                }
            }
        }
        Ok(())
    }

    /// The files into which a process writes itself to join.
    pub(super) fn join_files(&self) -> Vec<PathBuf> {
        self.directories
            .iter()
            .map(|directory| {
                // Version 1 has a file for single threads, which needs no lock on all processes.
                let threads = directory.join("tasks");
                if threads.exists() {
                    threads
                } else {
                    directory.join("cgroup.procs")
                }
            })
            .collect()
    }

    /// How many processes were killed for lack of memory so far.
    pub(super) fn oom_kills(&self) -> u64 {
        let text = fs::read_to_string(&self.events).unwrap_or_default();
        text.lines()
            .find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
            .unwrap_or(0)
    }

    /// Removes it. Works once its processes are gone.
    pub(super) fn remove(&self) {
        for directory in &self.directories {
            // What cannot be removed now is removed at the next start.
            let _ = fs::remove_dir(directory);
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

/// Whether a group can be made here, and has the file that holds the limit.
fn usable(parent: &Path, file: &str) -> bool {
    static TRIALS: AtomicU32 = AtomicU32::new(0);
    let number = TRIALS.fetch_add(1, Ordering::Relaxed);
    let trial = parent.join(format!("{PREFIX}{}-trial-{number}", std::process::id()));
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
    let enable = || fs::write(parent.join("cgroup.subtree_control"), "+memory +pids +cpu");
    if enable().is_err() {
        // A group that shares out resources must not hold processes itself: we move to a leaf.
        let leaf = parent.join("sigmic-server");
        if !leaf.is_dir() {
            fs::create_dir(&leaf).map_err(|error| format!("{}: {error}", leaf.display()))?;
        }
        fs::write(leaf.join("cgroup.procs"), std::process::id().to_string())
            .map_err(|error| format!("{}: {error}", leaf.display()))?;
        enable().map_err(|error| format!("the controllers cannot be enabled: {error}"))?;
    }
    if usable(&parent, "memory.max") {
        Ok(ControlGroups::Two(parent))
    } else {
        Err("no group with a memory limit can be made".to_owned())
    }
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
