//! What must hold for any bytes of a stranger. This crate is used alone: by `cargo fuzz`, and its
//! modules by the test that replays the corpus. To add a target: a module here, a file in
//! `fuzz_targets`, a section in `Cargo.toml`, a directory in `corpus`, and a line in that test.

mod credentials;
mod events;
mod masks;
mod origins;
mod tokens;

pub use credentials::check as credentials;
pub use events::check as events;
pub use masks::check as masks;
pub use origins::check as origins;
pub use tokens::check as tokens;
