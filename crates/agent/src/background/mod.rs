//! Commands that go on between the calls of a session, and between its runs: started, listed, read
//! and stopped by the tools of their names.
//!
//! What a command prints is masked as it comes. Its end is kept in memory, all of it (to a limit) in
//! a file of the workspace, which stays when the session and its commands are gone.

mod command;
mod output;
mod table;

pub(crate) use table::Background;
