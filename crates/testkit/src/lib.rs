//! What tests share. This crate forbids a direction: no shipped code may use it.

mod postgres;

pub use postgres::TestDatabase;
