//! From a fresh process to PID 1 of a sandbox.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{
    DumpableBehavior, Pid, Resource, Rlimit, Signal, WaitOptions, getgid, getuid,
    set_dumpable_behavior, set_parent_process_death_signal, setrlimit, waitpid,
};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::rules::CommandLayer;
use super::run::Place;
use super::sys::{Forked, close_from, exit_now, fork, place, unshare};
use super::{Step, StepError, harden, mounts, serve, sys, tree};
use crate::Tier;
use crate::control::{Listen, MAX_NOTE_BYTES, MAX_ORDER_BYTES, Note, Order, Start, receive, send};

/// The uid and gid that commands see.
const INNER_ID: u32 = 1000;

/// Becomes the init; ends with the sandbox.
pub(super) fn run() -> ! {
    sys::block_all_signals();
    let Ok(control) = take_control() else {
        exit_now(70)
    };
    let mut buffer = vec![0; MAX_ORDER_BYTES];
    match start(&control, &mut buffer) {
        Ok(never) => match never {},
        Err(error) => {
            let note = Note::Refused {
                step: error.step,
                errno: error.source.raw_os_error().unwrap_or(0),
            };
            // The server sees the closed socket if this note cannot be sent.
            let _ = send(control.as_fd(), &note, &[], MAX_NOTE_BYTES);
            exit_now(71)
        }
    }
}

/// Takes the control socket and puts `/dev/null` in the place of the standard streams.
fn take_control() -> io::Result<OwnedFd> {
    let control = sys::take_control()?;
    let null = fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    for number in 0..3 {
        place(null.as_fd(), number)?;
    }
    Ok(control)
}

fn start(control: &OwnedFd, buffer: &mut [u8]) -> Result<Infallible, StepError> {
    let packet = receive(control.as_fd(), buffer).step("receive")?;
    let order: Order = serde_json::from_slice(&buffer[..packet.len])
        .map_err(io::Error::from)
        .step("receive")?;
    let mut descriptors = packet.descriptors.into_iter();
    let (Order::Start(start), Some(workspace)) = (order, descriptors.next()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidData)).step("receive");
    };
    // The leaf of commands in the control group, where there is one.
    let group = descriptors.next();
    match start.tier {
        Tier::Native => {}
        Tier::Landlock | Tier::None => {
            return tree::start(control, &start, &workspace, group, buffer);
        }
    }
    first_stage(&start, &workspace)?;
    drop(workspace);
    match fork().step("fork init")? {
        Forked::Parent(child) => monitor(control, child),
        Forked::Child => first_process(control, &start, group, buffer),
    }
}

/// Leaves what the server's process is part of, and stands in the workspace.
pub(super) fn shed(start: &Start, workspace: &OwnedFd) -> Result<(), StepError> {
    for file in &start.join {
        // A process that moves itself does not make the kernel wait for everybody else, which
        // takes ten milliseconds on a busy machine.
        fs::write(file, "0").step("join the control group")?;
    }
    rustix::process::setsid().step("setsid")?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).step("core limit")?;
    // The working directory is the one mount reference that `unshare` carries into the new mount
    // namespace, and it needs no right to walk the path from the root.
    rustix::process::fchdir(workspace).step("enter the workspace")?;
    forget_protection();
    Ok(())
}

/// Kernel uid 0 owns `/proc/sys/kernel/core_pattern` whatever it is called inside.
pub(super) fn refuse_root(start: &Start) -> Result<(), StepError> {
    if getuid().is_root() || getgid().is_root() && start.become_uid.is_some() {
        return Err(io::Error::from(io::ErrorKind::PermissionDenied)).step("uid 0 is refused");
    }
    Ok(())
}

/// Sheds the server's identity and enters the new namespaces.
fn first_stage(start: &Start, workspace: &OwnedFd) -> Result<(), StepError> {
    die_with_parent().step("die with the server")?;
    shed(start, workspace)?;
    if let Some(id) = start.become_uid {
        become_user(id, &[]).step("change the user")?;
    }
    refuse_root(start)?;
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    unshare(
        libc::CLONE_NEWUSER
            | libc::CLONE_NEWNS
            | libc::CLONE_NEWPID
            | libc::CLONE_NEWNET
            | libc::CLONE_NEWIPC
            | libc::CLONE_NEWUTS
            | libc::CLONE_NEWCGROUP,
    )
    .step("unshare")?;
    fs::write("/proc/self/setgroups", "deny").step("setgroups")?;
    fs::write("/proc/self/uid_map", format!("{INNER_ID} {uid} 1")).step("uid map")?;
    fs::write("/proc/self/gid_map", format!("{INNER_ID} {gid} 1")).step("gid map")
}

/// A server that is protected from the out-of-memory killer must not hand that on. Done while we
/// may still set the floor below which nobody inside can go.
fn forget_protection() {
    let file = "/proc/self/oom_score_adj";
    let protected = fs::read_to_string(file).is_ok_and(|score| score.starts_with('-'));
    if protected {
        // Raising is always allowed; where it fails there is no such file.
        let _ = fs::write(file, "0");
    }
}

/// Becomes a user with no groups but its own and `groups`.
pub(super) fn become_user(id: u32, groups: &[u32]) -> io::Result<()> {
    let (uid, gid) = (
        rustix::process::Uid::from_raw(id),
        rustix::process::Gid::from_raw(id),
    );
    let groups: Vec<_> = groups
        .iter()
        .map(|id| rustix::process::Gid::from_raw(*id))
        .collect();
    set_thread_groups(&groups)?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    // A change of user clears both: /proc/self must be ours for the maps, and the server's death
    // must still end us.
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    die_with_parent()
}

/// Has the kernel kill this process when the thread that made it ends.
pub(super) fn die_with_parent() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(())
}

/// Tells the server who the init is.
pub(super) fn tell_born(control: &OwnedFd, init: Pid) -> io::Result<()> {
    let pidfd = rustix::process::pidfd_open(init, rustix::process::PidfdFlags::empty())?;
    send(
        control.as_fd(),
        &Note::Born,
        &[pidfd.as_fd()],
        MAX_NOTE_BYTES,
    )?;
    Ok(())
}

/// Stays outside the PID namespace, tells the server who the init is, and reaps it.
fn monitor(control: &OwnedFd, child: Pid) -> ! {
    let told = tell_born(control, child);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    // The control socket goes too: its end must be seen when the init is gone.
    if told.is_err() || close_from(3).is_err() {
        // Our death ends the init (PDEATHSIG), and the server sees the socket close.
        exit_now(72);
    }
    loop {
        match waitpid(Some(child), WaitOptions::empty()) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(_) | Err(_) => exit_now(0),
        }
    }
}

/// Where commands start.
pub(super) fn place_of(
    start: &Start,
    layer: Option<CommandLayer>,
    group: Option<OwnedFd>,
) -> Place {
    Place {
        workspace: start.workspace.clone().into(),
        layer,
        group,
    }
}

fn bind(listen: Listen) -> io::Result<OwnedFd> {
    match listen {
        Listen::Tcp(address, port) => TcpListener::bind((address, port)).map(OwnedFd::from),
        Listen::Udp(address, port) => UdpSocket::bind((address, port)).map(OwnedFd::from),
    }
}

/// PID 1: builds the inside, locks it, then serves.
fn first_process(
    control: &OwnedFd,
    start: &Start,
    group: Option<OwnedFd>,
    buffer: &mut [u8],
) -> Result<Infallible, StepError> {
    die_with_parent().step("die with the monitor")?;
    let mut warnings = mounts::build(start)?;
    rustix::system::sethostname(start.host_name.as_bytes()).step("host name")?;
    sys::loopback_up().step("loopback")?;
    if !start.listen.is_empty() {
        sys::loopback_also(Ipv4Addr::new(127, 0, 0, 2)).step("loopback")?;
    }
    // Ports below 1024 need a right that is given up next.
    let listeners = start
        .listen
        .iter()
        .map(|listen| bind(*listen))
        .collect::<io::Result<Vec<_>>>()
        .step("listen inside")?;
    harden::lock_down_own_root(start.limits, &mut warnings)?;
    let signals = sys::child_signals().step("signalfd")?;
    let handles: Vec<_> = listeners.iter().map(AsFd::as_fd).collect();
    send(
        control.as_fd(),
        &Note::Ready { warnings },
        &handles,
        MAX_NOTE_BYTES,
    )
    .step("ready")?;
    drop(listeners);
    serve::serve(
        control,
        &signals,
        start,
        place_of(start, None, group),
        buffer,
    )
}
