//! `write_todos`: the agent's own list of what is to be done. It lives in the conversation: the call
//! itself is what the model (and whoever watches) sees of it.

use async_trait::async_trait;
use llm::ToolSpec;
use model::Effect;
use serde_json::{Value, json};

use super::{Tool, ToolContext, ToolOutcome};

const STATUSES: [&str; 5] = [
    "pending",
    "in_progress",
    "completed",
    "cancelled",
    "blocked",
];
/// Items at most.
const MAX_TODOS: usize = 200;

#[derive(Debug)]
pub(super) struct WriteTodos;

#[async_trait]
impl Tool for WriteTodos {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "write_todos".to_owned(),
            description: "Writes down the steps of a longer task and where each stands. Replaces the list before.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "todos": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "description": {"type": "string"},
                                "status": {"type": "string", "enum": STATUSES},
                            },
                            "required": ["description", "status"],
                        },
                    },
                },
                "required": ["todos"],
            }),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Idempotent
    }

    async fn call(&self, _: &ToolContext<'_>, args: &Value) -> ToolOutcome {
        show(args).into()
    }
}

fn show(args: &Value) -> Result<String, String> {
    let todos = args
        .get("todos")
        .and_then(Value::as_array)
        .ok_or("The argument `todos` must be an array.")?;
    if todos.len() > MAX_TODOS {
        return Err(format!("There are more than {MAX_TODOS} todos."));
    }
    let mut lines = Vec::with_capacity(todos.len());
    let mut in_progress = 0;
    for (number, todo) in (1..).zip(todos) {
        let description = todo
            .get("description")
            .and_then(Value::as_str)
            .map(str::trim)
            .unwrap_or_default();
        let status = todo
            .get("status")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if description.is_empty() || !STATUSES.contains(&status) {
            return Err(format!(
                "Todo {number} needs a description and a status ({}).",
                STATUSES.join(", ")
            ));
        }
        in_progress += usize::from(status == "in_progress");
        lines.push(format!("{number}. [{status}] {description}"));
    }
    if in_progress > 1 {
        return Err("Only one todo can be in_progress.".to_owned());
    }
    Ok(if lines.is_empty() {
        "The list is empty.".to_owned()
    } else {
        lines.join("\n")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_shown_or_refused_with_a_reason() {
        let list = json!({"todos": [{"description": "a", "status": "completed"}, {"description": "b", "status": "in_progress"}]});
        assert_eq!(show(&list).unwrap(), "1. [completed] a\n2. [in_progress] b");
        for wrong in [
            json!({}),
            json!({"todos": [{"description": "", "status": "pending"}]}),
            json!({"todos": [{"description": "a", "status": "later"}]}),
            json!({"todos": [{"description": "a", "status": "in_progress"}, {"description": "b", "status": "in_progress"}]}),
        ] {
            assert!(show(&wrong).is_err(), "{wrong}");
        }
    }
}
