//! Giving up every right that building the sandbox needed, for good.

use std::io;

use landlock::{
    ABI, Access, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope,
};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

use super::{Step, StepError, seccomp};
use crate::control::RunLimits;

/// Memory that one process may lock, in bytes.
const LOCKED_BYTES: u64 = 64 * 1024;
/// Signals that may wait to be delivered: each takes memory of the kernel.
const QUEUED_SIGNALS: u64 = 4_096;

/// Drops capabilities and locks files, system calls and resources. Everything forked afterwards
/// inherits it.
pub(super) fn lock_down(limits: RunLimits, warnings: &mut Vec<String>) -> Result<(), StepError> {
    set_no_new_privs(true).step("no_new_privs")?;
    drop_capabilities().step("capabilities")?;
    // Nobody inside may trace this process, read its descriptors or reopen its executable.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).step("dumpable")?;
    match restrict_files() {
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
    seccomp::install().step("seccomp")?;
    limit_resources(limits).step("resource limits")
}

fn drop_capabilities() -> io::Result<()> {
    for number in 0..=63 {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // One above the newest capability this kernel knows.
            Err(rustix::io::Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    clear_ambient_capability_set()?;
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none)?;
    Ok(())
}

/// Everything may be read and executed; only the workspace, `/tmp` and `/dev` may be written.
fn restrict_files() -> io::Result<RulesetStatus> {
    let abi = ABI::V6;
    let all = AccessFs::from_all(abi);
    let read = AccessFs::from_read(abi);
    let mut ruleset = Ruleset::default()
        .handle_access(all)
        .and_then(|ruleset| ruleset.scope(Scope::from_all(abi)))
        .and_then(Ruleset::create)
        .map_err(io::Error::other)?;
    for (path, access) in [
        ("/", read),
        ("/workspace", all),
        ("/tmp", all),
        ("/dev", all),
        // A process may write the few files of its own that the kernel offers (oom_score_adj).
        ("/proc", read | AccessFs::WriteFile),
    ] {
        let path = PathFd::new(path).map_err(io::Error::other)?;
        ruleset = ruleset
            .add_rule(PathBeneath::new(path, access))
            .map_err(io::Error::other)?;
    }
    let status = ruleset.restrict_self().map_err(io::Error::other)?;
    Ok(status.ruleset)
}

fn limit_resources(limits: RunLimits) -> io::Result<()> {
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
    // After the user namespace is made this counts the sandbox's processes only.
    set(Resource::Nproc, limits.processes)?;
    set(Resource::Nofile, limits.open_files)?;
    set(Resource::Fsize, limits.file_bytes)?;
    set(Resource::Memlock, LOCKED_BYTES)?;
    set(Resource::Msgqueue, 0)?;
    set(Resource::Sigpending, QUEUED_SIGNALS)?;
    Ok(())
}
