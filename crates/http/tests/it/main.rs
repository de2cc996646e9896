//! The API through a real socket: a real database, the real sandbox, a scripted model. What a check
//! of the conformance list asks for is shown by the test that carries its number.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod api_keys;
mod approve;
mod artifacts;
mod audit_log;
mod background;
mod cancel;
mod cluster;
mod compaction;
mod cookies;
mod create;
mod credentials;
mod documents;
mod downloads;
mod egress;
mod end_users;
mod envelope;
mod exchange;
mod follow_up;
mod memory;
mod oidc;
mod origins;
mod people;
mod people_log;
mod project_deletion;
mod queue;
mod rate_limits;
mod read;
mod resume;
mod sandbox;
mod search;
mod second_factor;
mod settings;
mod sign_in;
mod sign_up;
mod stream;
mod support;
mod tools;
mod turns;
mod uploads;
mod usage;
mod web;
mod widget_apps;
mod widgets;
mod workspace_limit;
mod zips;

testkit::install_test_hook!();
