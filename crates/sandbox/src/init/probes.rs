//! Attempts that must fail, made from where a command of the agent's would make them.
//!
//! A probe is a name and a function that returns what it could do. To add one, write the function
//! and put it into the table; the self-test refuses the engine when any probe finds a way.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixStream};
use std::path::Path;
use std::time::Duration;

use rustix::process::{
    DumpableBehavior, Pid, Resource, Signal, getrlimit, kill_process, set_dumpable_behavior,
};
use rustix::thread::{
    CapabilitySet, SecureComputingMode, capability_is_in_ambient_set, capability_is_in_bounding_set,
};

use super::probes_kernel::KERNEL;
use super::probes_tree::TREE;
use super::run::close_inherited;
use super::sys::{Forked, call, exit_now, fork};
use crate::Tier;
use crate::control::{Counted, ProbeInput, ProbeOutcome};

/// What a probe returns: `Err` says what was possible.
pub(super) type Found = Result<(), String>;
/// A name that does not change, and the attempt.
pub(super) type Probe = (&'static str, fn(&ProbeInput) -> Found);

/// Asks for a descriptor's flags.
const F_GETFD: usize = 1;
/// Above the descriptors that the server could have leaked.
const MAX_DESCRIPTOR: usize = 65_536;

const PROBES: &[Probe] = &[
    ("hidden_files", hidden_files),
    ("shadow", |_| unreadable("/etc/shadow")),
    ("init_environment", |_| unreadable("/proc/1/environ")),
    ("init_descriptors", |_| unlisted("/proc/1/fd")),
    ("init_root", |_| unlisted("/proc/1/root/")),
    ("init_memory", |_| unreadable("/proc/1/mem")),
    ("init_executable", |_| unwritable("/proc/1/exe")),
    ("write_system", |_| uncreatable("/usr/sigmic-probe")),
    ("write_etc", |_| uncreatable("/etc/sigmic-probe")),
    ("write_root", |_| uncreatable("/sigmic-probe")),
    ("core_pattern", |_| {
        unwritable("/proc/sys/kernel/core_pattern")
    }),
    ("drop_caches", |_| unwritable("/proc/sys/vm/drop_caches")),
    ("sysrq", |_| unwritable("/proc/sysrq-trigger")),
    ("user_namespaces_limit", |_| {
        unwritable("/proc/sys/user/max_user_namespaces")
    }),
    ("kernel_memory", |_| unreadable("/dev/mem")),
    ("kernel_log", |_| empty("/proc/kmsg")),
    ("no_sys", |_| unlisted("/sys")),
    ("capabilities", capabilities),
    (
        "no_new_privileges",
        |_| match rustix::thread::no_new_privs() {
            Ok(true) => Ok(()),
            other => open(format!("it is {other:?}")),
        },
    ),
    ("seccomp", |_| {
        match rustix::thread::secure_computing_mode() {
            Ok(SecureComputingMode::Filter) => Ok(()),
            other => open(format!("the mode is {other:?}")),
        }
    }),
    ("inherited_descriptors", inherited_descriptors),
    ("host_processes", host_processes),
    ("process_limit", process_limit),
    ("resource_limits", resource_limits),
    ("oom_score", oom_score),
    ("server_port", server_port),
    ("server_socket", server_socket),
    ("metadata_service", metadata_service),
];

/// Where there is an own root.
const OWN_ROOT: &[Probe] = &[
    ("user_map", user_map),
    ("bounding_set", bounding_set),
    ("kill_init", kill_init),
    ("private_tmp", private_tmp),
];

/// Runs all probes, writes what they found to standard output and ends.
pub(super) fn run_all(input: &ProbeInput) -> ! {
    // A command becomes traceable again when it is executed; the probes must not be safer.
    let _ = set_dumpable_behavior(DumpableBehavior::Dumpable);
    if close_inherited().is_err() {
        exit_now(3);
    }
    let own = match input.tier {
        Tier::Native => OWN_ROOT,
        Tier::Landlock => TREE,
        // Nothing is promised.
        Tier::None => &[],
    };
    let found: Vec<ProbeOutcome> = PROBES
        .iter()
        .chain(own)
        .chain(KERNEL)
        .map(|(name, probe)| ProbeOutcome {
            name: (*name).to_owned(),
            open: probe(input).err(),
        })
        .collect();
    let written = serde_json::to_vec(&found)
        .map_err(std::io::Error::from)
        .and_then(|bytes| std::io::stdout().write_all(&bytes));
    exit_now(if written.is_ok() { 0 } else { 4 })
}

pub(super) fn open(what: impl AsRef<str>) -> Found {
    Err(what.as_ref().to_owned())
}

pub(super) fn unreadable(path: &str) -> Found {
    // Reading is the attempt: some files of /proc open and then refuse.
    match fs::File::open(path).and_then(|mut file| std::io::Read::read(&mut file, &mut [0_u8; 16]))
    {
        Err(_) => Ok(()),
        Ok(_) => open(format!("{path} can be read")),
    }
}

fn empty(path: &str) -> Found {
    match fs::File::open(path).and_then(|mut file| std::io::Read::read(&mut file, &mut [0_u8; 16]))
    {
        Err(_) | Ok(0) => Ok(()),
        Ok(_) => open(format!("{path} can be read")),
    }
}

pub(super) fn unlisted(path: &str) -> Found {
    match fs::read_dir(path) {
        Err(_) => Ok(()),
        Ok(_) => open(format!("{path} can be listed")),
    }
}

fn unwritable(path: &str) -> Found {
    match fs::File::options().write(true).open(path) {
        Err(_) => Ok(()),
        Ok(_) => open(format!("{path} can be opened for writing")),
    }
}

pub(super) fn uncreatable(path: &str) -> Found {
    match fs::write(path, "x") {
        Err(_) => Ok(()),
        Ok(()) => open(format!("{path} can be created")),
    }
}

fn hidden_files(input: &ProbeInput) -> Found {
    for path in &input.hidden_paths {
        if fs::File::open(path).is_ok() || fs::read_dir(path).is_ok() {
            return open(format!("{} can be opened", path.display()));
        }
    }
    Ok(())
}

fn user_map(_: &ProbeInput) -> Found {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let numbers: Vec<u64> = map
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    match numbers.as_slice() {
        [1000, outer, 1] if *outer != 0 => Ok(()),
        _ => open(format!("the user map is {map:?}")),
    }
}

fn capabilities(_: &ProbeInput) -> Found {
    let held = rustix::thread::capabilities(None).map_err(|error| error.to_string())?;
    let any = held.effective | held.permitted | held.inheritable;
    if !any.is_empty() {
        return open(format!("{any:?} can be used"));
    }
    for number in 0..=63 {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if capability_is_in_ambient_set(capability) == Ok(true) {
            return open(format!("{capability:?} is handed on"));
        }
    }
    Ok(())
}

fn bounding_set(_: &ProbeInput) -> Found {
    for number in 0..=63 {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if capability_is_in_bounding_set(capability) == Ok(true) {
            return open(format!("{capability:?} could be regained"));
        }
    }
    Ok(())
}

fn inherited_descriptors(_: &ProbeInput) -> Found {
    let is_open = |number: &usize| call(libc::SYS_fcntl, [*number, F_GETFD, 0, 0, 0, 0]) == 0;
    // 0 to 2 are the command's own.
    match (3..MAX_DESCRIPTOR).find(is_open) {
        None => Ok(()),
        Some(number) => open(format!("descriptor {number} is open")),
    }
}

fn host_processes(input: &ProbeInput) -> Found {
    let seen = fs::read_dir("/proc").map_or(0, |entries| {
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
            .count()
    });
    // The init, the supervisor, this process.
    if seen > 3 {
        return open(format!("{seen} processes are visible"));
    }
    match Pid::from_raw(input.host_pid) {
        Some(pid) if input.host_pid > 16 && kill_process(pid, Signal::CONT).is_ok() => {
            open("a process of the host can be signalled")
        }
        _ => Ok(()),
    }
}

fn kill_init(_: &ProbeInput) -> Found {
    let _ = kill_process(Pid::INIT, Signal::KILL);
    let _ = kill_process(Pid::INIT, Signal::TERM);
    match rustix::process::test_kill_process(Pid::INIT) {
        Ok(()) if Path::new("/proc/1/status").exists() => Ok(()),
        _ => open("the init can be killed"),
    }
}

fn process_limit(input: &ProbeInput) -> Found {
    match input.counted {
        Counted::Alone => {}
        // Others come and go meanwhile: what can be seen is that there is a limit.
        Counted::WithOthers => {
            let found = getrlimit(Resource::Nproc).maximum;
            return match found {
                Some(limit) if limit < 1 << 20 => Ok(()),
                other => open(format!("the limit is {other:?}")),
            };
        }
    }
    let mut children = Vec::new();
    let most = input.processes + 16;
    while u64::try_from(children.len()).unwrap_or(u64::MAX) < most {
        match fork() {
            Ok(Forked::Parent(pid)) => children.push(pid),
            Ok(Forked::Child) => {
                std::thread::park();
                exit_now(0)
            }
            Err(_) => break,
        }
    }
    for pid in &children {
        let _ = kill_process(*pid, Signal::KILL);
        let _ = rustix::process::waitpid(Some(*pid), rustix::process::WaitOptions::empty());
    }
    if u64::try_from(children.len()).unwrap_or(u64::MAX) < input.processes {
        Ok(())
    } else {
        open(format!("{} processes could be started", children.len()))
    }
}

fn resource_limits(_: &ProbeInput) -> Found {
    for (name, resource, most) in [
        ("core", Resource::Core, 0),
        ("nofile", Resource::Nofile, 1 << 20),
        ("fsize", Resource::Fsize, 1 << 40),
        ("memlock", Resource::Memlock, 1 << 20),
        ("msgqueue", Resource::Msgqueue, 0),
    ] {
        let found = getrlimit(resource).maximum;
        if found.is_none_or(|found| found > most) {
            return open(format!("the limit {name} is {found:?}"));
        }
    }
    Ok(())
}

fn oom_score(_: &ProbeInput) -> Found {
    match fs::write("/proc/self/oom_score_adj", "-1000") {
        Err(_) => Ok(()),
        Ok(()) => open("the out-of-memory killer can be dodged"),
    }
}

fn reachable(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
}

fn server_port(input: &ProbeInput) -> Found {
    for port in &input.host_ports {
        if reachable(SocketAddr::from((Ipv4Addr::LOCALHOST, *port))) {
            return open(format!("the host's port {port} answers"));
        }
    }
    Ok(())
}

fn server_socket(input: &ProbeInput) -> Found {
    let Some(name) = &input.host_abstract else {
        return Ok(());
    };
    match UnixAddress::from_abstract_name(name).and_then(|at| UnixStream::connect_addr(&at)) {
        Err(_) => Ok(()),
        Ok(_) => open("an abstract socket of the host answers"),
    }
}

fn metadata_service(_: &ProbeInput) -> Found {
    if reachable(SocketAddr::from((Ipv4Addr::new(169, 254, 169, 254), 80))) {
        return open("the metadata service answers");
    }
    Ok(())
}

fn private_tmp(_: &ProbeInput) -> Found {
    for path in ["/tmp", "/dev/shm"] {
        let empty = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        if !empty {
            return open(format!("{path} is not new and empty"));
        }
    }
    Ok(())
}
