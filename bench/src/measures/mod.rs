//! The measures, each with its limit measured in the same run. To add one: a module here, a line in
//! `rig.rs`, a row in the README.

mod credentials;
mod memory;
mod reads;
mod rig;
mod sandboxes;
mod start;
mod tasks;

pub(crate) use rig::run;
