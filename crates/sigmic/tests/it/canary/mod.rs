//! One secret value of each kind goes through everything that the server does, and is then looked
//! for, plain and encoded, in everything that the server keeps, says and sends. Where a value may be
//! seen it must be seen, so that a search that finds nothing cannot pass.
//!
//! To add a kind of secret: a line in `table.rs`, a use of it in `story.rs`, a row in
//! `docs/reference/authentication-tests.md`.

mod core_file;
mod forms;
mod places;
mod story;
mod table;
