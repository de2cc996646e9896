//! Changing the settings: what organizations and projects are made of. This crate forbids a
//! direction: it knows neither axum nor SQL, and nothing here runs a task.
//!
//! - [`KeyAdmin`]: projects and API keys;
//! - [`Widgets`]: widget apps, their secrets, and their end users' tokens.

mod error;
mod keys;
mod widgets;

pub use error::Error;
pub use keys::{AdminError, BootstrapOutcome, KeyAdmin, MintedKey, NewKey};
pub use widgets::{MintedApp, NewWidget, WidgetChange, Widgets};
