//! The conformance suite: everything the store promises, on both backends.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod smoke;
mod support;
