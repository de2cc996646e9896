//! Acting safely. This crate fences off unsafe and heavy dependencies: namespaces, system call
//! filters and raw descriptors are seen here and nowhere else.
//!
//! - [`SandboxEngine`] and [`Sandbox`]: where commands run; [`select()`] gives one that holds;
//! - [`Workspace`]: the files of a task, safe to use while hostile processes change them;
//! - [`EgressConnector`]: connecting out, with every address checked after it was resolved.
//!
//! The program that uses the local engine calls [`dispatch_init`] in the first line of `main`:
//! the first process of each sandbox is that program, executed again.

mod control;
mod egress;
mod engine;
mod error;
mod exec;
mod files;
mod init;
mod local;
mod select;
mod spec;
#[cfg(feature = "test-hook")]
mod test_hook;

pub use egress::{
    AddressClass, AllowList, AllowListError, EgressConnector, EgressEntry, EgressError,
    EgressLedger, EgressPolicy, Refusal, Resolver, RunningCall, SystemResolver, classify,
};
pub use engine::{EngineChoice, Probe, ProbeReport, Sandbox, SandboxEngine, Tier};
pub use error::SandboxError;
pub use exec::{
    BoxedRead, BoxedWrite, DEFAULT_COMMAND_MS, Ending, ExecRequest, ExecResult, MAX_COMMAND_MS,
    ProcessHandle, SandboxProcess, SecretText, SpawnRequest, StopReason,
};
pub use files::{
    Adopted, DirectoryEntry, DiskUsage, EntryKind, FileError, FileRange, FileStat, FileWriter,
    Owner, Walk, WalkEntry, WalkLimits, Workspace, WorkspacePath,
};
pub use init::dispatch_init;
pub use local::{ControlGroupUse, LocalConfig, LocalEngine};
pub use select::{Selected, TestedEngine, select};
pub use spec::{Limits, NetworkMode, SandboxSpec};
#[cfg(feature = "test-hook")]
pub use test_hook::{Constructor, become_init};
