//! What things are. This crate forbids a direction: it knows no async runtime, no SQL and no HTTP,
//! so that every other crate can share its words.
//!
//! - [`ids`](TaskId) and [`Timestamp`]: how things are named and when they happened;
//! - [`Task`], [`TaskStatus`], [`RunState`]: a unit of work and where it stands;
//! - [`JournalEvent`] and [`RunFold`]: the facts of a task, and what they add up to;
//! - [`Principal`], [`Action`] and [`authorize`]: who asks, for what, and whether they may;
//! - [`Setting`] and [`authorize_setting`]: the same for the settings of an organization;
//! - [`Caller`] and [`Actor`]: who changes something, as the audit log names them;
//! - [`Role`] and [`Membership`]: what a person is in an organization;
//! - [`Rate`]: how many in a minute;
//! - [`Clock`] and [`Random`]: time and chance as parameters.

mod caller;
mod egress;
mod email;
mod fold;
mod ids;
mod journal;
mod management;
mod name;
mod permission;
mod policy;
mod preview;
mod principal;
mod random;
mod rate;
mod role;
mod task;
mod text;
mod time;

pub use caller::{Actor, Caller};
pub use egress::{Egress, EgressDecision};
pub use email::{Email, InvalidEmail};
pub use fold::{CallFold, CallState, CompactedFold, RunFold};
pub use ids::{
    ApiKeyId, AppId, CallId, ConsoleSessionId, ConversationId, EndUserId, IdError, InviteId,
    MessageId, OrganizationId, ProjectId, RunNumber, Seq, SessionId, TaskId, UserId, WidgetAppId,
    WidgetSessionId, WorkerId,
};
pub use journal::{
    ApprovalOutcome, AttachedFile, Compacted, DecodeError, FinishReason, JournalEvent, JournalRow,
    ModelTurn, NoticeStatus, RunErrorCode, RunOutcome, RunStarted, Thought, ToolCall, ToolDecided,
    ToolFinished, ToolStatus, Usage, UserMessage,
};
pub use management::{Setting, SettingPermit, authorize_setting};
pub use name::{InvalidName, Name};
pub use permission::{Action, Forbidden, Grant, Permit, ProjectsGrant, authorize};
pub use policy::{Effect, PolicyDecision};
pub use preview::{DeltaPart, OpenTurn, TurnDelta};
pub use principal::{
    ApiKeyPrincipal, ConsolePrincipal, EndUserPrincipal, KeyClass, Principal, Scope, TaskScope,
    Whose,
};
pub use random::{OsRandom, Random};
pub use rate::{FullAt, InvalidRate, Rate, Taken, micros};
pub use role::{Membership, ProjectAccess, Role};
pub use task::{RunState, Task, TaskStatus};
pub use text::{MODEL_OUTPUT_BYTES, WIRE_OUTPUT_BYTES, head_and_tail};
pub use time::{Clock, SystemClock, Timestamp};
