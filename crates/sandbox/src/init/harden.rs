//! Giving up every right that building the sandbox needed, for good.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use landlock::RulesetStatus;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, WaitOptions, getrlimit, set_dumpable_behavior, setrlimit,
    waitpid,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

use super::rules::{self, CommandLayer, Layers};
use super::seccomp::Calls;
use super::sys::{Forked, exit_now, fork};
use super::{Step, StepError, seccomp, tree};
use crate::control::{Counted, MAX_NOTE_BYTES, Note, RunLimits, Start, send};

/// Memory that one process may lock, in bytes.
const LOCKED_BYTES: u64 = 64 * 1024;
/// Signals that may wait to be delivered: each takes memory of the kernel.
const QUEUED_SIGNALS: u64 = 4_096;
/// Processes beyond those that are there, where all sandboxes of a server share a user. The same
/// for all of them: one that may have few must not be stopped by one that may have many.
const SHARED_ROOM: u64 = 2_048;
/// How often a limit that leaves no room is doubled: more is a machine that has no process left.
const MAX_DOUBLINGS: usize = 12;

/// For the tier `native`: drops capabilities and locks files, system calls and resources.
/// Everything forked afterwards inherits it.
pub(super) fn lock_down_own_root(
    limits: RunLimits,
    warnings: &mut Vec<String>,
) -> Result<(), StepError> {
    empty_bounding_set().step("capabilities")?;
    shed_rights().step("capabilities")?;
    match rules::restrict_own_root() {
        Ok(RulesetStatus::FullyEnforced) => {}
        Ok(RulesetStatus::PartiallyEnforced) => {
            warnings.push("landlock: this kernel enforces only a part of the second layer".into());
        }
        // The mount namespace is the barrier; Landlock is the second one.
        Ok(RulesetStatus::NotEnforced) => {
            warnings.push("landlock: not available, there is no second layer".into());
        }
        Err(error) => return Err(error).step("landlock"),
    }
    seccomp::install(Calls::OfPrograms).step("seccomp")?;
    // After the user namespace is made this counts the sandbox's processes only.
    limit_resources(limits, limits.processes).step("resource limits")
}

/// For the tier `landlock`. Returns the layer that each command puts on itself.
///
/// `keeper`: who runs the errands of commands, where they share the server's user.
pub(super) fn lock_down_tree(
    start: &Start,
    keeper: Option<&OwnedFd>,
    warnings: &mut Vec<String>,
) -> Result<CommandLayer, StepError> {
    let layers = Layers::prepare(start).step("landlock")?;
    shed_rights().step("capabilities")?;
    let (layer, status) = layers.restrict_init().step("landlock")?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => {}
        // What is missing, the self-test finds.
        RulesetStatus::PartiallyEnforced => {
            warnings.push("landlock: this kernel is older than what the rules know".into());
        }
        RulesetStatus::NotEnforced => {
            return Err(io::Error::from(io::ErrorKind::Unsupported)).step("landlock");
        }
    }
    seccomp::install(Calls::WithoutSockets).step("seccomp")?;
    limit_tree(start).step("resource limits")?;
    if let Some(keeper) = keeper {
        let listener = seccomp::install_errands().step("errands")?;
        send(
            keeper.as_fd(),
            &Note::Born,
            &[listener.as_fd()],
            MAX_NOTE_BYTES,
        )
        .step("errands")?;
    }
    Ok(layer)
}

/// For the tier `none`.
pub(super) fn lock_down_bare(start: &Start) -> Result<(), StepError> {
    shed_rights().step("capabilities")?;
    limit_tree(start).step("resource limits")
}

/// Limits where processes are counted by user. A workspace's own user has nothing but this
/// sandbox; the server's user has the server and all other sandboxes too.
fn limit_tree(start: &Start) -> io::Result<()> {
    let own = start.limits.processes;
    match Counted::of(start.tier, start.become_uid) {
        Counted::Alone => return limit_resources(start.limits, own),
        Counted::WithOthers => {}
    }
    // With room for others, so that one that runs wild does not stop them; the init ends it.
    let mut processes = own.max(SHARED_ROOM).saturating_add(tree::tasks_of_user());
    // There may be more of this user's that cannot be seen, in other containers.
    for _ in 0..MAX_DOUBLINGS {
        set_soft_process_limit(processes)?;
        match fork() {
            Ok(Forked::Child) => exit_now(0),
            Ok(Forked::Parent(child)) => {
                let _ = waitpid(Some(child), WaitOptions::empty());
                break;
            }
            Err(_) => processes = processes.saturating_mul(2),
        }
    }
    limit_resources(start.limits, processes)
}

fn set_soft_process_limit(processes: u64) -> io::Result<()> {
    let maximum = getrlimit(Resource::Nproc).maximum;
    let current = Some(processes.min(maximum.unwrap_or(u64::MAX)));
    setrlimit(Resource::Nproc, Rlimit { current, maximum })?;
    Ok(())
}

/// Takes every right from this process, and the ability to get one by executing something.
pub(super) fn shed_rights() -> io::Result<()> {
    set_no_new_privs(true)?;
    clear_ambient_capability_set()?;
    set_capabilities(None, NO_RIGHTS)?;
    // Nobody inside may trace this process, read its descriptors or reopen its executable.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Takes every right but those to signal and to become somebody less.
pub(super) fn keep_signalling() -> io::Result<()> {
    set_no_new_privs(true)?;
    clear_ambient_capability_set()?;
    let wanted = CapabilitySet::KILL | CapabilitySet::SETUID | CapabilitySet::SETGID;
    let kept = capabilities(None)?.permitted & wanted;
    let rights = CapabilitySets {
        effective: kept,
        permitted: kept,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, rights)?;
    Ok(())
}

const NO_RIGHTS: CapabilitySets = CapabilitySets {
    effective: CapabilitySet::empty(),
    permitted: CapabilitySet::empty(),
    inheritable: CapabilitySet::empty(),
};

/// Takes from this process what it could hand to what it executes. Needs a right of its own.
pub(super) fn empty_bounding_set() -> io::Result<()> {
    for number in 0..=63 {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // One above the newest capability this kernel knows.
            Err(rustix::io::Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn limit_resources(limits: RunLimits, processes: u64) -> io::Result<()> {
    let set = |resource, value: u64| {
        // The server may be limited more than a sandbox would be; nobody here may raise that.
        let value = value.min(getrlimit(resource).maximum.unwrap_or(u64::MAX));
        let both = Rlimit {
            current: Some(value),
            maximum: Some(value),
        };
        setrlimit(resource, both)
    };
    set(Resource::Core, 0)?;
    set(Resource::Nproc, processes)?;
    set(Resource::Nofile, limits.open_files)?;
    set(Resource::Fsize, limits.file_bytes)?;
    set(Resource::Memlock, LOCKED_BYTES)?;
    set(Resource::Msgqueue, 0)?;
    set(Resource::Sigpending, QUEUED_SIGNALS)?;
    Ok(())
}
