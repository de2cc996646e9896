//! The tools that a model may call, one file each, under the names and argument spellings of the
//! API reference ("Tools").
//!
//! To add one: a file that implements [`Tool`], a line in [`Toolbox::built_in`].

mod arguments;
mod ask_user;
mod glob;
mod list_directory;
mod read_file;
mod read_many_files;
mod replace;
mod run_shell_command;
mod search_file_content;
mod tool;
mod toolbox;
mod tree;
mod write_file;
mod write_todos;

pub(crate) use arguments::text_argument;
pub use tool::{Tool, ToolContext, ToolOutcome};
pub use toolbox::Toolbox;
