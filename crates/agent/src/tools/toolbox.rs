//! The tools that there are.

use llm::ToolSpec;
use model::Effect;
use serde_json::Value;

use super::{
    Tool, ToolContext, ToolOutcome, ask_user, glob, google_web_search, list_background_commands,
    list_directory, read_background_output, read_file, read_many_files, replace, run_shell_command,
    save_memory, search_file_content, stop_background_command, web_fetch, write_file, write_todos,
};

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
            Box::new(list_background_commands::ListBackgroundCommands),
            Box::new(read_background_output::ReadBackgroundOutput),
            Box::new(stop_background_command::StopBackgroundCommand),
            Box::new(web_fetch::WebFetch),
            Box::new(google_web_search::GoogleWebSearch),
            Box::new(write_todos::WriteTodos),
            Box::new(save_memory::SaveMemory),
            Box::new(ask_user::AskUser),
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

    /// The own name of the tool that a model calls by that name or another.
    pub fn name_of(&self, name: &str) -> Option<&str> {
        let offered = self.offered(name)?;
        Some(&offered.spec.name)
    }

    /// What a call does to the world; a call that can only fail does nothing.
    pub fn effect(&self, name: &str, args: &Value) -> Effect {
        match self.find(name) {
            Some(tool) if args.is_object() => tool.effect(),
            Some(_) | None => Effect::Read,
        }
    }

    /// Whether a call is a question to a person.
    pub fn asks_person(&self, name: &str) -> bool {
        self.find(name).is_some_and(Tool::asks_person)
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
        self.offered(name).map(|offered| &*offered.tool)
    }

    fn offered(&self, name: &str) -> Option<&Offered> {
        let named = |offered: &&Offered| {
            offered.spec.name == name || offered.tool.aliases().contains(&name)
        };
        self.tools.iter().find(named)
    }
}
