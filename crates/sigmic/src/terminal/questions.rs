//! Asking a person.

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};

use crate::output::Output;

/// What was decided about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Run it.
    Once,
    /// Run it, and similar ones without asking.
    Always,
    /// Do not.
    No {
        /// Told to the model.
        reason: Option<String>,
    },
}

/// Reads answers from standard input, a line each.
#[derive(Debug)]
pub(crate) struct Questions {
    /// Opened with the first question: until then input belongs to nobody.
    lines: Option<Lines<BufReader<Stdin>>>,
}

impl Questions {
    pub(crate) fn new() -> Self {
        Self { lines: None }
    }

    /// Asks about a call; `None` when there is nobody to answer (the end of the input).
    pub(crate) async fn approve(&mut self, output: &mut Output) -> Option<Answer> {
        loop {
            output.question(
                "  Run it? \x1b[1my\x1b[0m once, \x1b[1ma\x1b[0m always, \x1b[1mn\x1b[0m no: ",
            );
            match self.line().await?.trim().to_ascii_lowercase().as_str() {
                "y" | "yes" => return Some(Answer::Once),
                "a" | "always" => return Some(Answer::Always),
                "n" | "no" => break,
                _ => {}
            }
        }
        output.question("  Why not (told to the model; may be empty): ");
        let reason = self.line().await.unwrap_or_default().trim().to_owned();
        let reason = (!reason.is_empty()).then_some(reason);
        Some(Answer::No { reason })
    }

    async fn line(&mut self) -> Option<String> {
        let lines = self
            .lines
            .get_or_insert_with(|| BufReader::new(tokio::io::stdin()).lines());
        // Input that cannot be read is nobody too.
        lines.next_line().await.ok().flatten()
    }
}
