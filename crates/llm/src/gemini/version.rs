//! What a model can do, as its name tells. A model that does not know a field refuses the request.

/// The version in the name of a Gemini, major and minor: `gemini-2.5-pro`, `gemini-3-pro-preview`.
/// The name may stand after a gateway's own prefix.
fn version(model: &str) -> Option<(u32, u32)> {
    let (_, name) = model.split_once("gemini-")?;
    let number = name.split('-').next()?;
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Whether it thinks, and shows its thoughts when asked to.
pub(super) fn thinks(model: &str) -> bool {
    version(model).is_some_and(|version| version >= (2, 5))
}

/// Whether it refuses calls that are not signed.
pub(super) fn wants_signatures(model: &str) -> bool {
    version(model).is_some_and(|version| version >= (3, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_what_a_model_can() {
        for (model, expected) in [
            ("gemini-2.5-pro", (true, false)),
            ("gemini-2.5-flash-lite", (true, false)),
            ("models/gemini-3-pro-preview", (true, true)),
            ("gemini-3.5-flash", (true, true)),
            ("gemini-2.0-flash", (false, false)),
            ("gemini-flash-latest", (false, false)),
            ("gemma-3-27b-it", (false, false)),
        ] {
            assert_eq!(
                (thinks(model), wants_signatures(model)),
                expected,
                "{model}"
            );
        }
    }
}
