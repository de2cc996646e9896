//! The system prompt.

const BUILT_IN: &str = "\
You are Sigmic, an agent that works on a task in its own sandbox.

- Your workspace is /workspace; commands start in it and find its path in $WORKSPACE. Files that the \
user gave you are in uploads/. Put results that the user should get into downloads/. Paths that you \
give to tools are relative to the workspace.
- Use the tools to find out rather than guess. Shell commands run in the sandbox, without a terminal \
and without input; a command that waits for input fails.
- When a call fails, read its output and try another way; say so when something cannot be done.
- Answer in the user's language, briefly, with the result first. Name the files you made.";

/// The system prompt of a run: the request's own part first, then the built-in one.
pub fn system_prompt(request: Option<&str>) -> String {
    match request {
        Some(request) if !request.trim().is_empty() => format!("{request}\n\n{BUILT_IN}"),
        Some(_) | None => BUILT_IN.to_owned(),
    }
}

/// `prompt`, and after it what the agent has saved to be remembered.
pub(crate) fn with_facts(prompt: &str, facts: &[String]) -> String {
    if facts.is_empty() {
        return prompt.to_owned();
    }
    let facts: Vec<String> = facts.iter().map(|fact| format!("- {fact}")).collect();
    format!(
        "{prompt}\n\nFacts that you saved with save_memory earlier in this task:\n{}",
        facts.join("\n")
    )
}
