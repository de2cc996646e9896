//! The sandbox at the level of its traits. The binary is also the init of its sandboxes.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail the test when something is not as it must be"
)]

extern crate sigmic_sandbox as sandbox;

mod capture;
mod ending;
mod exec;
mod files;
mod hosts;
mod isolation;
mod limits;
mod network;
mod ordinary;
mod probe;
mod rig;
mod tiers;

sandbox::install_test_hook!();
