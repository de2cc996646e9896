//! The wire, as clients read it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bodies;
mod frames;
mod projector;
mod script;
