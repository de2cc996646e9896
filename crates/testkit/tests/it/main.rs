//! What must hold for the repository as a whole: who may use whom, how large files get, that
//! documents say what is there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod architecture;
mod conformance;
mod links;
mod repository;
mod size;
