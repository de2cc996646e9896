//! Whether and how a model is asked to think. A model that does not know the form that it is asked
//! in refuses the request, so only those are asked whose names say that they do.

use serde::Serialize;

/// Tokens for thoughts, where they are counted apart.
const BUDGET_TOKENS: u32 = 8_192;
/// The API takes no smaller budget.
const MIN_BUDGET_TOKENS: u32 = 1_024;

/// The `thinking` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Thinking {
    /// The model decides how much it thinks. The newer ones leave the words out unless asked.
    Adaptive { display: &'static str },
    /// As much as it likes up to a budget, which is a part of the longest answer.
    Enabled { budget_tokens: u32 },
}

impl Thinking {
    /// How `model` is asked to think before an answer of at most `max_tokens`.
    ///
    /// Version 3.7 brought budgets, 4.6 the adaptive form, and 4.7 knows no other.
    pub(super) fn of(model: &str, max_tokens: u32) -> Option<Self> {
        let version = version(model)?;
        if version >= (4, 6) {
            return Some(Self::Adaptive {
                display: "summarized",
            });
        }
        let budget_tokens = BUDGET_TOKENS.min(max_tokens / 2);
        (version >= (3, 7) && budget_tokens >= MIN_BUDGET_TOKENS)
            .then_some(Self::Enabled { budget_tokens })
    }
}

/// The version in the name of a Claude: `claude-3-7-sonnet-20250219`, `claude-opus-4-20250514`,
/// `claude-sonnet-4-5`. The name may stand after a gateway's own prefix.
fn version(model: &str) -> Option<(u32, u32)> {
    let (_, name) = model.split_once("claude-")?;
    let mut words = name.split(['-', '.', '@', ':']);
    let major = words.find_map(|word| word.parse().ok())?;
    let minor = words.next().and_then(|word| word.parse().ok());
    // A number of that size is the date of a snapshot.
    Some((major, minor.filter(|minor| *minor < 100).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_how_a_model_thinks() {
        let enabled = Some(Thinking::Enabled {
            budget_tokens: BUDGET_TOKENS,
        });
        let adaptive = Some(Thinking::Adaptive {
            display: "summarized",
        });
        for (model, expected) in [
            ("claude-sonnet-4-5", enabled),
            ("claude-opus-4-1-20250805", enabled),
            ("claude-opus-4-20250514", enabled),
            ("claude-3-7-sonnet-latest", enabled),
            ("claude-3-5-haiku-latest", None),
            ("claude-2.1", None),
            ("claude-opus-4-6", adaptive),
            ("claude-sonnet-5", adaptive),
            ("claude-opus-5-20270101", adaptive),
            ("gateway/anthropic/claude-sonnet-4.5", enabled),
            ("claude-next", None),
            ("other-model-9", None),
        ] {
            assert_eq!(Thinking::of(model, 32_000), expected, "{model}");
        }
    }

    #[test]
    fn a_short_answer_leaves_room_for_itself_or_thinks_not() {
        let budget = |max_tokens| Thinking::of("claude-sonnet-4-5", max_tokens);
        assert_eq!(
            budget(3_000),
            Some(Thinking::Enabled {
                budget_tokens: 1_500
            })
        );
        assert_eq!(budget(2_000), None);
    }
}
