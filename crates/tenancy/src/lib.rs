//! Changing the settings: what organizations and projects are made of. This crate forbids a
//! direction: it knows neither axum nor SQL, and nothing here runs a task.
//!
//! - [`Widgets`]: widget apps, their secrets, and their end users' tokens.

mod error;
mod widgets;

pub use error::Error;
pub use widgets::{MintedApp, NewWidget, WidgetChange, Widgets};
