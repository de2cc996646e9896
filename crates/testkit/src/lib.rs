//! Fakes for tests. This crate is used alone: no shipped code depends on it.
