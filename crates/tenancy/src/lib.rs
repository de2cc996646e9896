//! Changing the settings: what organizations and projects are made of. This crate forbids a
//! direction: it knows neither axum nor SQL, and nothing here runs a task.
//!
//! - [`KeyAdmin`]: projects and API keys, and how far one key may hand on ([`Reach`]);
//! - [`Widgets`]: widget apps, their secrets, and their end users' tokens;
//! - [`AuditLog`]: who changed what.

mod audit;
mod error;
mod keys;
mod projects;
mod reach;
mod widgets;

pub use audit::AuditLog;
pub use error::Error;
pub use keys::{AdminError, KeyAdmin, KeyChange, MintedKey, NewKey, RotatedKey};
pub use projects::BootstrapOutcome;
pub use reach::Reach;
pub use store::{
    ApiKey, AuditRow, KeyCaller, KeyStatus, Project, TenantStatus, WidgetApp, WidgetAppScope,
    WidgetSession,
};
pub use widgets::{CutOff, MintedApp, NewWidget, WidgetChange, Widgets};
