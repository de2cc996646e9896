//! Tests of the client against a scripted server.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not know to be tests"
)]

mod calls;
mod follow;
mod server;
