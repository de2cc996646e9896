//! What is kept: tasks and their journals, runs and their leases, tenants and their keys, in
//! SQLite or PostgreSQL. This crate fences off a heavy dependency: SQL and both drivers live here
//! and nowhere else.
//!
//! A [`Store`] has one method for each command. A command is atomic, takes its scope first (one
//! that has none says so: `unscoped_…`, and the commands of workers, which own no tenant), gets
//! time and chance as parameters, and never hands out an open transaction. One text of each
//! command serves both backends; what they spell differently is in `dialect`.
//!
//! To add a command: write an `async fn` over `&mut Tx` beside its relatives, a method that runs
//! it with `Store::write` or `Store::read`, and a case in the conformance suite (`tests/it`),
//! which runs everything on both backends.

mod audit;
mod buckets;
mod dialect;
mod error;
mod metrics;
mod migrate;
#[cfg(test)]
mod plan_tests;
mod postgres;
mod runs;
mod signal;
mod sqlite;
mod store;
mod tasks;
mod tenancy;
mod tx;
mod usage;
mod value;

pub use audit::{AuditAction, AuditFault, AuditReport, AuditRow, ChangedBy};
pub use buckets::{BucketGrant, BucketTake};
pub use error::Error;
pub use runs::{
    CancelTarget, ClaimRequest, ClaimedRun, FenceOff, LeaseRenewal, Renewed, RunCounts, RunRow,
};
pub use signal::Signal;
pub use store::{OpenMode, Store, StoreConfig};
pub use tasks::{
    Append, ClaimNow, Fence, IdempotencyEntry, NewTask, OpenTask, Preferred, PreviewRow, RunChange,
    TaskFilter, TaskOwner, TaskPage, TaskPatch,
};
pub use tenancy::{
    ApiKey, ApiKeyCheck, ApiKeyPatch, Bootstrap, Bootstrapped, ClosedProject, CodeProof,
    ConsoleSession, ConsoleSessionCheck, EndUser, EndUserStatus, EndUserVariables, HalfSignIn,
    Identified, Identity, InstanceSecret, Invite, KeyCaller, KeyHash, KeyStatus, KeyUse, Member,
    MemberPatch, NewApiKey, NewConsoleSession, NewMasterKey, NewMembership, NewOrganization,
    NewWidgetApp, NewWidgetSession, Newcomer, Organization, OwnOrganization, PasswordLink,
    PasswordRecord, Project, ProjectPatch, Resealed, SecondFactor, SessionEnding, SessionsOf,
    SigningKeyChange, SigningKeyRow, SigningKeyState, TenantStatus, User, UserPatch, UserStatus,
    WidgetApp, WidgetAppCheck, WidgetAppPatch, WidgetAppScope, WidgetAppSecret, WidgetSession,
    WidgetSessionCheck, WrappedKey,
};
pub use usage::{Meter, Price, UsageCaps, UsageGroup, UsageReport, UsageRow};
