//! What a tool is: what it tells the model, what it does to the world, how a call of it ends.

use std::fmt;

use async_trait::async_trait;
use llm::ToolSpec;
use model::{CallId, Effect};
use serde_json::Value;

use crate::ToolSession;

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

    /// Whether it is a question to a person, so that a call always waits for one.
    fn asks_person(&self) -> bool {
        false
    }

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
