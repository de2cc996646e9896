//! Doing: what becomes of a task between the request and its journal. This crate forbids a
//! direction: it knows neither axum nor SQL.
//!
//! - [`Tasks`]: what callers ask for (create, get, list, cancel, follow up, approve, watch);
//! - [`Workers`]: what runs them (claim, lease, resume, hand over);
//! - [`Watch`]: what readers of a stream follow;
//! - [`Upload`], [`Artifacts`]: files in and out;
//! - `lifecycle`: the pure decisions both sides share.
//!
//! The journal in the store is the truth; everything in memory here can be lost at any moment.

mod approve;
mod cancel;
mod create;
mod data_keys;
mod deletion;
mod end_user;
mod error;
mod execute;
mod files;
mod follow_up;
mod handover;
mod idempotency;
mod input;
mod journal;
mod lifecycle;
mod live;
mod metrics;
mod previews;
mod secret_mask;
mod service;
mod session_facts;
mod sessions;
mod watch;
mod worker;

pub use approve::Approval;
pub use create::NewTask;
pub use end_user::EndUserVariables;
pub use error::Error;
pub use files::{
    Artifact, ArtifactFile, ArtifactFolder, Artifacts, FileSink, MAX_FILE_BYTES, MAX_FILES,
    ReceivedFile, Upload,
};
pub use follow_up::FollowUp;
pub use idempotency::Idempotency;
pub use input::{
    Env, InputError, MessageText, Metadata, Secrets, SystemPrompt, parse_outcome, positive,
};
pub use service::{ListRequest, Tasks, TasksConfig, TasksParts};
pub use sessions::SessionsConfig;
pub use store::{OpenTask, TaskFilter, TaskOwner};
pub use watch::{Snapshot, Update, Watch};
pub use worker::Workers;
