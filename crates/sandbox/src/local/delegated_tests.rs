use std::cell::RefCell;
use std::collections::BTreeSet;

use super::*;

/// A tree in a temporary directory that behaves as the kernel's documentation says, and writes down
/// what is done to it.
struct Fake {
    directory: tempfile::TempDir,
    swap: bool,
    done: RefCell<Vec<String>>,
}

const OF_ALL: [&str; 4] = [
    "cgroup.procs",
    "cgroup.controllers",
    "cgroup.subtree_control",
    "cgroup.kill",
];

fn words(file: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

fn put(file: &Path, words: &BTreeSet<String>) {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    fs::write(file, words.join(" ")).unwrap();
}

impl Fake {
    /// A tree of these controllers whose root holds this process, as a service's group does.
    fn of(controllers: &str) -> Self {
        let fake = Self {
            directory: tempfile::tempdir().unwrap(),
            swap: true,
            done: RefCell::default(),
        };
        for file in OF_ALL {
            fs::write(fake.root().join(file), "").unwrap();
        }
        fs::write(fake.root().join("cgroup.controllers"), controllers).unwrap();
        let own = std::process::id().to_string();
        fs::write(fake.root().join("cgroup.procs"), own).unwrap();
        fake
    }

    fn root(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    fn note(&self, what: &str, path: &Path, value: &str) {
        let path = path.strip_prefix(self.root()).unwrap();
        let line = format!("{what} {} {value}", path.display());
        self.done.borrow_mut().push(line.trim_end().to_owned());
    }

    /// What was done since the last time.
    fn done(&self) -> Vec<String> {
        std::mem::take(&mut *self.done.borrow_mut())
    }

    fn files_of(&self, controllers: &BTreeSet<String>) -> Vec<&'static str> {
        let mut files = OF_ALL.to_vec();
        if controllers.contains("memory") {
            files.extend(["memory.max", "memory.oom.group", "memory.events"]);
            files.extend(self.swap.then_some("memory.swap.max"));
        }
        files.extend(controllers.contains("pids").then_some("pids.max"));
        files.extend(controllers.contains("cpu").then_some("cpu.max"));
        files
    }

    fn below(group: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(group).unwrap().flatten();
        let paths = entries.map(|entry| entry.path());
        paths.filter(|path| path.is_dir()).collect()
    }

    fn kill(group: &Path) {
        fs::write(group.join("cgroup.procs"), "").unwrap();
        Self::below(group).iter().for_each(|leaf| Self::kill(leaf));
    }
}

fn errno(error: rustix::io::Errno) -> io::Error {
    error.into()
}

impl Interface for Fake {
    fn read(&self, file: &Path) -> io::Result<String> {
        fs::read_to_string(file)
    }

    fn write(&self, file: &Path, value: &str) -> io::Result<()> {
        if !file.exists() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let group = file.parent().unwrap();
        match file.file_name().unwrap().to_str().unwrap() {
            "cgroup.subtree_control" => {
                if !words(&group.join("cgroup.procs")).is_empty() {
                    return Err(errno(rustix::io::Errno::BUSY));
                }
                let wanted = value.strip_prefix('+').unwrap().to_owned();
                if !words(&group.join("cgroup.controllers")).contains(&wanted) {
                    return Err(errno(rustix::io::Errno::NOENT));
                }
                let mut enabled = words(file);
                enabled.insert(wanted);
                put(file, &enabled);
            }
            "cgroup.procs" => {
                put(&self.root().join("cgroup.procs"), &BTreeSet::new());
                fs::write(file, value)?;
            }
            "cgroup.kill" => Self::kill(group),
            _ => fs::write(file, value)?,
        }
        self.note("write", file, value);
        Ok(())
    }

    fn make(&self, group: &Path) -> io::Result<()> {
        fs::create_dir(group)?;
        let given = words(&group.parent().unwrap().join("cgroup.subtree_control"));
        for file in self.files_of(&given) {
            fs::write(group.join(file), "").unwrap();
        }
        put(&group.join("cgroup.controllers"), &given);
        self.note("make", group, "");
        Ok(())
    }

    fn remove(&self, group: &Path) -> io::Result<()> {
        if !group.exists() {
            return Err(io::ErrorKind::NotFound.into());
        }
        if !words(&group.join("cgroup.procs")).is_empty() || !Self::below(group).is_empty() {
            return Err(errno(rustix::io::Errno::BUSY));
        }
        fs::remove_dir_all(group)?;
        self.note("remove", group, "");
        Ok(())
    }
}

const LIMITS: Limits = Limits {
    memory_bytes: 1_024,
    processes: 10,
    cpu_percent: 50,
    open_files: 1,
    file_bytes: 1,
    workspace_bytes: 1,
    tmp_bytes: 1,
    egress_bytes: 1,
};

fn opened(fake: &Fake) -> Delegated {
    let found = Delegated::open(fake, fake.root()).unwrap();
    fake.done();
    found
}

#[test]
fn a_server_makes_room_for_groups_by_going_to_a_leaf_itself() {
    let fake = Fake::of("cpuset cpu io memory pids");
    let found = Delegated::open(&fake, fake.root()).unwrap();
    assert_eq!(found.controllers, Controller::ALL);
    let own = std::process::id().to_string();
    let mut done = fake.done();
    let trial = done.split_off(5);
    let moved = format!("write sigmic-server/cgroup.procs {own}");
    assert_eq!(
        done,
        [
            "make sigmic-server",
            &moved,
            "write cgroup.subtree_control +memory",
            "write cgroup.subtree_control +pids",
            "write cgroup.subtree_control +cpu",
        ]
    );
    assert_eq!(trial[1], trial[0].replace("make", "remove"));
    // The next one finds everything made.
    Delegated::open(&fake, fake.root()).unwrap();
    assert!(!fake.done().iter().any(|line| line.contains("server")));
}

#[test]
fn a_sandbox_has_limits_and_two_leaves_and_leaves_nothing() {
    let fake = Fake::of("cpu memory pids");
    let found = opened(&fake);
    let group = found.make(&fake, "sigmic-1-a", LIMITS).unwrap();
    assert_eq!(
        fake.done(),
        [
            "make sigmic-1-a",
            "write sigmic-1-a/memory.max 1024",
            "write sigmic-1-a/memory.swap.max 0",
            "write sigmic-1-a/pids.max 12",
            "write sigmic-1-a/cpu.max 50000 100000",
            "write sigmic-1-a/cgroup.subtree_control +memory",
            "make sigmic-1-a/own",
            "make sigmic-1-a/commands",
            "write sigmic-1-a/commands/memory.oom.group 1",
        ]
    );
    assert!(own_procs(&group).exists());
    fs::write(own_procs(&group), "7").unwrap();
    fs::write(commands_procs(&group), "8 9").unwrap();
    end_commands(&fake, &group);
    assert_eq!(words(&own_procs(&group)).len(), 1, "ours live on");
    assert!(words(&commands_procs(&group)).is_empty());
    assert_eq!(fake.done(), ["write sigmic-1-a/commands/cgroup.kill 1"]);
    remove(&fake, &group);
    assert_eq!(
        fake.done(),
        [
            "write sigmic-1-a/cgroup.kill 1",
            "remove sigmic-1-a/commands",
            "remove sigmic-1-a/own",
            "remove sigmic-1-a",
        ]
    );
}

#[test]
fn a_controller_that_is_not_there_is_not_asked_for() {
    let fake = Fake::of("pids");
    let found = opened(&fake);
    assert_eq!(found.controllers, [Controller::Pids]);
    found.make(&fake, "sigmic-1-a", LIMITS).unwrap();
    let done = fake.done();
    assert!(done.contains(&"write sigmic-1-a/pids.max 12".to_owned()));
    assert!(!done.iter().any(|line| line.contains("memory")), "{done:?}");
    assert!(!done.iter().any(|line| line.contains("cpu")), "{done:?}");
    // Without any there are still leaves to end at one blow.
    let fake = Fake::of("");
    let found = opened(&fake);
    found.make(&fake, "sigmic-1-a", LIMITS).unwrap();
    assert_eq!(
        fake.done(),
        [
            "make sigmic-1-a",
            "make sigmic-1-a/own",
            "make sigmic-1-a/commands"
        ]
    );
}

#[test]
fn where_swap_is_not_accounted_there_is_no_limit_to_it() {
    let mut fake = Fake::of("memory");
    fake.swap = false;
    let found = opened(&fake);
    found.make(&fake, "sigmic-1-a", LIMITS).unwrap();
    assert!(!fake.done().iter().any(|line| line.contains("swap")));
}

#[test]
fn a_group_that_cannot_be_filled_does_not_stay() {
    let fake = Fake::of("memory");
    let mut found = opened(&fake);
    // It was enabled when the server began, and is no more.
    found.controllers.push(Controller::Cpu);
    let error = found.make(&fake, "sigmic-1-a", LIMITS).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(!fake.root().join("sigmic-1-a").exists());
}

#[test]
fn what_servers_that_are_gone_have_left_is_ended_and_removed() {
    let fake = Fake::of("memory pids cpu");
    let found = opened(&fake);
    let left = found.make(&fake, "sigmic-1-a", LIMITS).unwrap();
    found.make(&fake, "sigmic-2-b", LIMITS).unwrap();
    fs::write(commands_procs(&left), "8").unwrap();
    found.remove_stale(&fake, |name| maker(name) == Some(1));
    assert!(!left.exists());
    assert!(fake.root().join("sigmic-2-b").exists());
    assert!(fake.root().join("sigmic-server").exists());
    assert_eq!(maker("sigmic-server"), None);
    assert_eq!(maker("user.slice"), None);
}

#[test]
fn a_directory_that_is_no_tree_or_was_not_handed_over_says_why() {
    let empty = tempfile::tempdir().unwrap();
    let error = Delegated::open(&Kernel, empty.path().to_owned()).unwrap_err();
    assert!(error.contains(empty.path().to_str().unwrap()), "{error}");
    // Other processes are in the group, which stay.
    let fake = Fake::of("memory");
    let shared = fake.root().join("shared");
    fake.make(&shared).unwrap();
    put(
        &shared.join("cgroup.controllers"),
        &words(&fake.root().join("cgroup.controllers")),
    );
    fs::write(shared.join("cgroup.procs"), "1").unwrap();
    let error = Delegated::open(&fake, shared).unwrap_err();
    assert!(error.contains("controllers cannot be enabled"), "{error}");
}
