//! The native engine: Linux namespaces, our own init, no daemon and nothing to install.

mod collect;
mod control_group;
mod disk;
mod engine;
mod environment;
mod launch;
mod link;
mod remedy;
mod run;
mod sandbox;
mod self_test;
mod spawner;
mod watched;

pub use engine::{ControlGroupUse, NativeConfig, NativeEngine};
