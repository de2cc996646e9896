//! Changing the settings: what organizations and projects are made of. This crate forbids a
//! direction: it knows neither axum nor SQL, and nothing here runs a task.
//!
//! - [`KeyAdmin`]: projects and API keys;
//! - [`Widgets`]: widget apps, their secrets, and their end users' tokens.

mod error;
mod keys;
mod projects;
mod widgets;

pub use error::Error;
pub use keys::{AdminError, KeyAdmin, KeyChange, MintedKey, NewKey, RotatedKey};
pub use projects::BootstrapOutcome;
pub use store::{
    ApiKey, KeyCaller, KeyStatus, Project, TenantStatus, WidgetApp, WidgetAppScope, WidgetSession,
};
pub use widgets::{CutOff, MintedApp, NewWidget, WidgetChange, Widgets};
