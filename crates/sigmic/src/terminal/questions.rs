//! Asking a person.

use tokio::io::{AsyncBufReadExt as _, BufReader, Stdin};

use super::keys::SingleKeys;
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

/// Ctrl-D, where keys are read one by one.
const END_OF_INPUT: char = '\u{4}';

/// Reads answers from standard input: a key each on a terminal, else a line each.
#[derive(Debug)]
pub(crate) struct Questions {
    /// Opened with the first question: until then input belongs to nobody.
    input: Option<BufReader<Stdin>>,
}

impl Questions {
    pub(crate) fn new() -> Self {
        Self { input: None }
    }

    /// Asks about a call; `None` when there is nobody to answer (the end of the input).
    pub(crate) async fn approve(&mut self, output: &mut Output) -> Option<Answer> {
        loop {
            let keys = SingleKeys::begin();
            output.question(
                "  Run it? \x1b[1my\x1b[0m once, \x1b[1ma\x1b[0m always, \x1b[1mn\x1b[0m no: ",
            );
            let said = if keys.is_some() {
                let key = self.key().await?;
                output.note(key.as_str());
                key
            } else {
                self.line().await?
            };
            drop(keys);
            match said.trim().to_ascii_lowercase().as_str() {
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

    /// The next key, as far as it can be shown. What came with it (the rest of an arrow key, a
    /// second press) is forgotten.
    async fn key(&mut self) -> Option<String> {
        let input = self.input();
        // Input that cannot be read is nobody too.
        let keys = input.fill_buf().await.ok()?;
        let length = keys.len();
        let first = keys.first().copied().map(char::from)?;
        input.consume(length);
        let shown = if first.is_ascii_graphic() { first } else { ' ' };
        (first != END_OF_INPUT).then(|| shown.to_string())
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.input().read_line(&mut line).await.ok()?;
        (read > 0).then_some(line)
    }

    fn input(&mut self) -> &mut BufReader<Stdin> {
        self.input
            .get_or_insert_with(|| BufReader::new(tokio::io::stdin()))
    }
}
