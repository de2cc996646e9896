//! How much a model can be shown at once.

use std::str::FromStr;

/// The window of a model that nothing is known of: what most of today's models have at least.
pub const DEFAULT_CONTEXT_TOKENS: u64 = 128_000;
/// The smallest window that can be worked in: the built-in prompt and the tools take about half.
pub const MIN_CONTEXT_TOKENS: u64 = 4_096;

/// What is known of models by the beginning of their names, `provider/` included: the longest that
/// fits counts. Of a window that holds the answer too, the part for the request.
const KNOWN: &[(&str, u64)] = &[
    ("anthropic/claude-", 200_000),
    ("openai/gpt-5", 272_000),
    ("openai/gpt-4.1", 1_000_000),
    ("openai/gpt-4o", 128_000),
    ("openai/gpt-4-turbo", 128_000),
    ("openai/gpt-4", 8_192),
    ("openai/gpt-3.5", 16_385),
    ("openai/o1", 200_000),
    ("openai/o3", 200_000),
    ("openai/o4", 200_000),
    ("gemini/gemini-", 1_000_000),
    // It reads the whole conversation by rules and could not summarize it.
    ("demo/", 100_000_000),
];

/// What an operator says about windows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContextWindows {
    every: Option<u64>,
    named: Vec<(String, u64)>,
}

/// An entry that says nothing about a window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is neither a number of tokens, {MIN_CONTEXT_TOKENS} at least, nor provider/model=NUMBER"
)]
pub struct WindowError(String);

impl FromStr for ContextWindows {
    type Err = WindowError;

    /// Entries are separated by commas: `32768, openai/qwen3=40960`. One without a name is for every
    /// model that is not named.
    fn from_str(text: &str) -> Result<Self, WindowError> {
        let mut windows = Self::default();
        let entries = text.split(',').map(str::trim);
        for entry in entries.filter(|entry| !entry.is_empty()) {
            windows
                .add(entry)
                .ok_or_else(|| WindowError(entry.chars().take(100).collect()))?;
        }
        Ok(windows)
    }
}

impl ContextWindows {
    fn add(&mut self, entry: &str) -> Option<()> {
        let tokens = |text: &str| {
            let tokens = text.trim().parse().ok();
            tokens.filter(|tokens| *tokens >= MIN_CONTEXT_TOKENS)
        };
        match entry.rsplit_once('=') {
            None => self.every = Some(tokens(entry)?),
            Some((name, number)) => {
                let name = name.trim();
                name.split_once('/')?;
                self.named.push((name.to_owned(), tokens(number)?));
            }
        }
        Some(())
    }

    /// The window of the model of that full name, in tokens.
    pub(crate) fn of(&self, name: &str) -> u64 {
        let named = self.named.iter().rfind(|(named, _)| named == name);
        let known = || {
            let fitting = KNOWN.iter().filter(|(begin, _)| name.starts_with(begin));
            fitting.max_by_key(|(begin, _)| begin.len())
        };
        match (named, self.every) {
            (Some((_, tokens)), _) => *tokens,
            (None, Some(tokens)) => tokens,
            (None, None) => known().map_or(DEFAULT_CONTEXT_TOKENS, |(_, tokens)| *tokens),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_known_by_the_longest_name_or_said_by_the_operator() {
        let none = ContextWindows::default();
        assert_eq!(none.of("openai/gpt-4o-mini"), 128_000);
        assert_eq!(none.of("openai/gpt-4"), 8_192);
        assert_eq!(none.of("anthropic/claude-sonnet-4-5"), 200_000);
        assert_eq!(none.of("openai/Qwen/Qwen3-8B"), DEFAULT_CONTEXT_TOKENS);
        let said: ContextWindows = "16384, openai/a=b=32768,openai/gpt-4 = 5000"
            .parse()
            .unwrap();
        assert_eq!(said.of("openai/gpt-4"), 5_000);
        assert_eq!(said.of("openai/a=b"), 32_768);
        assert_eq!(said.of("openai/other"), 16_384);
        assert_eq!("".parse(), Ok(none));
    }

    #[test]
    fn entries_that_mean_nothing_are_errors() {
        for entry in ["x", "-1", "100", "gpt-4=8192", "openai/a=", "openai/a=1"] {
            assert!(entry.parse::<ContextWindows>().is_err(), "{entry}");
        }
    }
}
