//! Changing the settings: what organizations and projects are made of. This crate forbids a
//! direction: it knows neither axum nor SQL, and nothing here runs a task.
//!
//! - [`KeyAdmin`]: projects and API keys, and how far one key may hand on ([`Reach`]);
//! - [`People`]: organizations, their members and invitations;
//! - [`Widgets`]: widget apps, their secrets, and their end users' tokens;
//! - [`AuditLog`]: who changed what;
//! - [`UsageAdmin`]: what is used, what that costs, and how much may be used.

mod accounts;
mod audit;
mod error;
mod keys;
mod people;
mod projects;
mod reach;
mod usage;
mod widgets;

pub use accounts::NewAccount;
pub use audit::AuditLog;
pub use error::Error;
pub use keys::{AdminError, KeyAdmin, KeyChange, MintedKey, NewKey, RotatedKey};
pub use people::{MadeInvite, NewInvite, People, PeopleError};
pub use projects::BootstrapOutcome;
pub use reach::Reach;
pub use store::{
    ApiKey, AuditRow, Invite, KeyCaller, KeyStatus, Member, Price, Project, TenantStatus,
    UsageCaps, UsageGroup, UsageRow, WidgetApp, WidgetAppScope, WidgetSession,
};
pub use usage::{UsageAdmin, dollars, nanousd};
pub use widgets::{CutOff, MintedApp, NewWidget, WidgetChange, Widgets};
