//! Tests of the program as a child process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod crash;
mod examples;
mod program;
