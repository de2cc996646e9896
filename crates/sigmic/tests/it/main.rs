//! Tests of the program as a child process, each on a data directory of its own.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not know to be tests"
)]

mod admin;
mod canary;
mod command_line;
mod compaction;
mod corpus;
mod crash;
mod cut_off;
mod doctor;
mod escape;
mod examples;
mod guide;
mod manage;
mod metrics;
mod program;
mod run;
mod run_files;
mod run_terminal;
mod scan;
mod scripted;
mod selftest;
mod serve;
mod several;
mod support;
mod terminal;
