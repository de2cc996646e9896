//! The tools that a model may call, one file each, under the names and argument spellings of the
//! API reference ("Tools").
//!
//! To add one: a file that implements [`Tool`], a line in [`Toolbox::built_in`].

mod arguments;
mod glob;
mod list_directory;
mod read_file;
mod read_many_files;
mod replace;
mod run_shell_command;
mod search_file_content;
mod tree;
mod write_file;
mod write_todos;

use std::fmt;

use async_trait::async_trait;
use llm::ToolSpec;
use model::{CallId, Effect};
use serde_json::Value;

use crate::ToolSession;

pub(crate) use arguments::text_argument;

/// Something a model may call.
#[async_trait]
pub trait Tool: Send + Sync + fmt::Debug {
    /// Its name, description and the JSON schema of its arguments, for the model.
    fn spec(&self) -> ToolSpec;

    /// Other names that a model may call it by; not offered.
    fn aliases(&self) -> &'static [&'static str] {
        &[]
    }

    /// What running it does to the world.
    fn effect(&self) -> Effect;

    /// Runs it. `args` is an object. Cancelled by drop: whatever it started is ended then.
    async fn call(&self, context: &ToolContext<'_>, args: &Value) -> ToolOutcome;
}

/// What a call acts in.
#[derive(Debug, Clone, Copy)]
pub struct ToolContext<'a> {
    /// The session: workspace, sandbox, variables.
    pub session: &'a ToolSession,
    /// The call.
    pub call_id: &'a CallId,
}

/// How a call ended. Both texts are masked and cut by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolOutcome {
    /// With this output.
    Success(String),
    /// It failed; the task goes on.
    Error {
        /// What it printed before it failed; may be empty.
        output: String,
        /// What went wrong.
        error: String,
    },
}

impl ToolOutcome {
    /// A failure that printed nothing.
    pub fn error(error: impl Into<String>) -> Self {
        Self::Error {
            output: String::new(),
            error: error.into(),
        }
    }
}

impl<E: fmt::Display> From<Result<String, E>> for ToolOutcome {
    fn from(result: Result<String, E>) -> Self {
        match result {
            Ok(output) => Self::Success(output),
            Err(error) => Self::error(error.to_string()),
        }
    }
}

/// The tools of a server.
#[derive(Debug)]
pub struct Toolbox {
    tools: Vec<Offered>,
}

/// A tool with its description, made once.
#[derive(Debug)]
struct Offered {
    spec: ToolSpec,
    tool: Box<dyn Tool>,
}

impl Toolbox {
    /// The tools that every server has.
    pub fn built_in() -> Self {
        Self::new(vec![
            Box::new(list_directory::ListDirectory),
            Box::new(read_file::ReadFile),
            Box::new(write_file::WriteFile),
            Box::new(replace::Replace),
            Box::new(glob::Glob),
            Box::new(search_file_content::SearchFileContent),
            Box::new(read_many_files::ReadManyFiles),
            Box::new(run_shell_command::RunShellCommand),
            Box::new(write_todos::WriteTodos),
        ])
    }

    /// These tools.
    pub fn new(tools: Vec<Box<dyn Tool>>) -> Self {
        let offered = tools.into_iter().map(|tool| Offered {
            spec: tool.spec(),
            tool,
        });
        Self {
            tools: offered.collect(),
        }
    }

    /// What the model is told of the tools.
    pub fn specs(&self) -> Vec<ToolSpec> {
        self.tools
            .iter()
            .map(|offered| offered.spec.clone())
            .collect()
    }

    /// Whether there is a tool of that name.
    pub fn offers(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// What a call does to the world; a call that can only fail does nothing.
    pub fn effect(&self, name: &str, args: &Value) -> Effect {
        match self.find(name) {
            Some(tool) if args.is_object() => tool.effect(),
            Some(_) | None => Effect::Read,
        }
    }

    /// Runs a call; an unknown tool or arguments that are no object are answered with an error.
    pub async fn call(&self, context: &ToolContext<'_>, name: &str, args: &Value) -> ToolOutcome {
        let Some(tool) = self.find(name) else {
            let names: Vec<&str> = self
                .tools
                .iter()
                .map(|offered| offered.spec.name.as_str())
                .collect();
            return ToolOutcome::error(format!(
                "There is no tool {name:?}. There are: {}",
                names.join(", ")
            ));
        };
        if !args.is_object() {
            return ToolOutcome::error("The arguments are not a JSON object.");
        }
        tool.call(context, args).await
    }

    fn find(&self, name: &str) -> Option<&dyn Tool> {
        let named = |offered: &&Offered| {
            offered.spec.name == name || offered.tool.aliases().contains(&name)
        };
        self.tools.iter().find(named).map(|offered| &*offered.tool)
    }
}
