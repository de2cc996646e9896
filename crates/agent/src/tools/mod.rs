//! The tools that a model may call, one file each, under the names and argument spellings of the
//! API reference ("Tools").
//!
//! To add one: a file that implements [`Tool`], a line in [`Toolbox::built_in`].

mod arguments;
mod ask_user;
mod glob;
mod google_web_search;
mod list_background_commands;
mod list_directory;
mod read_background_output;
mod read_file;
mod read_many_files;
mod replace;
mod run_shell_command;
mod save_memory;
mod search_file_content;
mod stop_background_command;
mod tool;
mod toolbox;
mod tree;
mod web_fetch;
mod write_file;
mod write_todos;

pub(crate) use arguments::text_argument;
pub(crate) use run_shell_command::{Place, directory_of};
pub(crate) use save_memory::{SAVE_MEMORY, fact_of};
pub use tool::{Tool, ToolContext, ToolOutcome};
pub use toolbox::Toolbox;
