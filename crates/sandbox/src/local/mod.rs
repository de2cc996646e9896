//! The local engine: processes of this machine under our own init, no daemon and nothing to
//! install. How strongly they are isolated is the engine's tier; what runs them is the same.

mod collect;
mod control_group;
mod delegated;
mod disk;
mod engine;
mod environment;
mod inside;
mod launch;
mod link;
mod reach;
mod remedy;
mod run;
mod sandbox;
mod self_test;
mod spawner;
mod watched;

pub use engine::{ControlGroupUse, LocalConfig, LocalEngine};
