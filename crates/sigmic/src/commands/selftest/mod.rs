//! `sigmic selftest auth`: the cases of authentication against a running deployment, as an
//! outsider, a program with a key and a page with a token would try them. What it makes it takes
//! away again.
//!
//! To add a case: a line in one of the tables of [`headers`], [`tokens`] or [`exchange`].

pub(crate) mod auth;
mod exchange;
mod headers;
mod life;
mod probe;
mod race;
mod report;
mod subject;
mod tokens;
