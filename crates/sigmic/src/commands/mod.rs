//! One module a subcommand.

pub(crate) mod admin;
mod connect;
pub(crate) mod doctor;
mod follow;
pub(crate) mod manage;
pub(crate) mod print;
pub(crate) mod run;
mod runtime;
mod save;
pub(crate) mod scan;
pub(crate) mod selftest;
pub(crate) mod serve;
pub(crate) mod tasks;
