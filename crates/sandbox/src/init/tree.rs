//! The tiers without namespaces: a keeper, and below it the init and everything it starts.
//!
//! The keeper is what a process namespace is elsewhere. It stays outside of what restricts the
//! others, adopts whatever loses its parent, and when the init or the server is gone it ends every
//! process below itself.

use std::convert::Infallible;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitOptions, getpid, set_child_subreaper, set_dumpable_behavior,
    set_parent_process_death_signal, wait,
};

use super::boot::{become_user, die_with_parent};
use super::errands::Errands;
use super::sys::{Forked, close_from, exit_now, fork};
use super::{Step, StepError, account, boot, harden, serve, sys};
use crate::Tier;
use crate::control::{MAX_NOTE_BYTES, Note, Start, receive, send};

/// How the keeper ends when something could not be ended.
const LEFT: i32 = 3;
/// The keeper's only descriptor besides the standard ones: its channel to the init.
const CHANNEL: i32 = 3;

/// From the first process to a serving init.
pub(super) fn start(
    control: &OwnedFd,
    start: &Start,
    workspace: &OwnedFd,
    group: Option<OwnedFd>,
    buffer: &mut [u8],
) -> Result<Infallible, StepError> {
    boot::shed(start, workspace)?;
    // Told, not killed: it has others to end first.
    set_parent_process_death_signal(Some(Signal::TERM)).step("hear of the server's end")?;
    set_child_subreaper(Some(getpid())).step("adopt")?;
    let (kept, given) = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .step("channel to the keeper")?;
    match fork().step("fork init")? {
        Forked::Parent(init) => keep(control, &kept, init, start),
        Forked::Child => {
            drop(kept);
            first_process(control, given, start, group, buffer)
        }
    }
}

/// Whether commands are the server's own user, so that files are changed for them.
fn has_errands(start: &Start) -> bool {
    match start.tier {
        Tier::Landlock => start.become_uid.is_none(),
        Tier::Native | Tier::None => false,
    }
}

/// Runs errands until the init or the server ends, then ends everything.
fn keep(control: &OwnedFd, channel: &OwnedFd, init: Pid, start: &Start) -> ! {
    let user = start.become_uid;
    let told = boot::tell_born(control, init);
    // The control socket goes: its end must be seen when the init is gone.
    if told.is_err() || sys::place(channel.as_fd(), CHANNEL).is_err() || close_from(4).is_err() {
        exit_now(72);
    }
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    // What it may do to others is all that root is needed for.
    let shed = match user {
        Some(_) => harden::keep_signalling(),
        None => harden::shed_rights(),
    };
    let signals = sys::signals(&[libc::SIGCHLD, libc::SIGTERM]);
    let (Ok(()), Ok(signals)) = (shed, signals) else {
        exit_now(73)
    };
    let errands = if has_errands(start) {
        sys::inherited(CHANNEL)
            .ok()
            .and_then(|channel| take_errands(&channel))
    } else {
        None
    };
    loop {
        while let Ok(Some((pid, _))) = wait(WaitOptions::NOHANG) {
            if pid == init {
                end(user);
            }
        }
        let mut waiting = vec![PollFd::new(&signals, PollFlags::IN)];
        waiting.extend(
            errands
                .iter()
                .map(|errands| PollFd::new(errands, PollFlags::IN)),
        );
        // An error is a signal that came between, and is looked at next.
        let _ = poll(&mut waiting, None);
        let ready = |at: usize| {
            waiting
                .get(at)
                .map(PollFd::revents)
                .unwrap_or(PollFlags::empty())
        };
        if ready(1).contains(PollFlags::IN)
            && let Some(errands) = &errands
        {
            errands.run_one();
        }
        // The server has ended: the init goes with it.
        if ready(0).contains(PollFlags::IN) && sys::takes_signal(&signals, libc::SIGTERM) {
            account::signal_each(&[init], Signal::KILL);
            end(user);
        }
    }
}

/// Waits until the init hands over whatever is asked about. Absent: it never came so far, and its
/// end is seen next.
fn take_errands(channel: &OwnedFd) -> Option<Errands> {
    let packet = receive(channel.as_fd(), &mut vec![0; MAX_NOTE_BYTES]).ok()?;
    let listener = packet.descriptors.into_iter().next()?;
    Errands::new(listener).ok()
}

/// Ends every process below this one.
fn end(user: Option<u32>) -> ! {
    let mut left = account::end_tree(getpid());
    if left > 0
        && let Some(user) = user
    {
        end_user(user);
        left = account::end_tree(getpid());
    }
    exit_now(if left == 0 { 0 } else { LEFT })
}

/// Kills every process of the workspace's user at one blow, for a tree that outruns a walk.
fn end_user(user: u32) {
    match fork() {
        Ok(Forked::Child) => {
            if become_user(user, &[]).is_ok() && harden::shed_rights().is_ok() {
                sys::signal_everyone(libc::SIGKILL);
            }
            exit_now(0)
        }
        Ok(Forked::Parent(killer)) => {
            let _ = rustix::process::waitpid(Some(killer), WaitOptions::empty());
        }
        Err(_) => {}
    }
}

/// The init: becomes the workspace's user, locks itself, then serves.
fn first_process(
    control: &OwnedFd,
    keeper: OwnedFd,
    start: &Start,
    group: Option<OwnedFd>,
    buffer: &mut [u8],
) -> Result<Infallible, StepError> {
    die_with_parent().step("die with the keeper")?;
    set_child_subreaper(Some(getpid())).step("adopt")?;
    // Where it may: without it, what is executed could regain what is dropped below.
    let _ = harden::empty_bounding_set();
    if let Some(user) = start.become_uid {
        become_user(user, &[start.passing_group]).step("change the user")?;
    }
    boot::refuse_root(start)?;
    rustix::process::chdir(start.workspace.as_str()).step("reach the workspace")?;
    let mut warnings = Vec::new();
    let layer = match start.tier {
        Tier::Landlock => {
            let errands = has_errands(start).then_some(&keeper);
            Some(harden::lock_down_tree(start, errands, &mut warnings)?)
        }
        Tier::Native | Tier::None => {
            harden::lock_down_bare(start)?;
            None
        }
    };
    drop(keeper);
    let signals = sys::child_signals().step("signalfd")?;
    send(
        control.as_fd(),
        &Note::Ready { warnings },
        &[],
        MAX_NOTE_BYTES,
    )
    .step("ready")?;
    let place = boot::place_of(start, layer, group);
    serve::serve(control, &signals, start, place, buffer)
}

/// Tasks of this process's user that can be seen: threads count too.
pub(super) fn tasks_of_user() -> u64 {
    let own = rustix::process::getuid().as_raw().to_string();
    let Ok(entries) = fs::read_dir("/proc") else {
        return 0;
    };
    let tasks = entries.flatten().filter_map(|entry| {
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next().map(str::to_owned)
        };
        if field("Uid:")? == own {
            field("Threads:")?.parse::<u64>().ok()
        } else {
            None
        }
    });
    tasks.sum()
}
