//! Keys and credentials on a real database.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod admin;
mod authenticate;
mod encodings;
mod forgeries;
mod oracle;
mod parsers;
mod rotation;
mod setup;
mod support;
mod tokens;
