//! Reading arguments. Models spell the same argument differently, so each is looked up under all
//! its documented names; the first that is there counts.

use serde_json::Value;

/// An argument that is not what the tool needs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgumentError {
    #[error("The argument `{0}` is missing.")]
    Missing(&'static str),
    #[error("The argument `{name}` must be {wanted}.")]
    Kind {
        name: &'static str,
        wanted: &'static str,
    },
}

/// The text under the first of `names` that holds one.
pub(crate) fn text_argument<'a>(args: &'a Value, names: &[&'static str]) -> Option<&'a str> {
    names.iter().find_map(|name| args.get(name)?.as_str())
}

/// The text under one of `names`; the first name is told in the error.
pub(crate) fn required_text<'a>(
    args: &'a Value,
    names: &[&'static str],
) -> Result<&'a str, ArgumentError> {
    let name = names.first().copied().unwrap_or_default();
    match names.iter().find_map(|name| args.get(name)) {
        None | Some(Value::Null) => Err(ArgumentError::Missing(name)),
        Some(Value::String(text)) => Ok(text),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(ArgumentError::Kind {
                name,
                wanted: "a text",
            })
        }
    }
}

/// The whole number under `name`, if there is one. Models send numbers as texts and as floats too.
pub(crate) fn whole_number(args: &Value, name: &'static str) -> Result<Option<u64>, ArgumentError> {
    let wrong = ArgumentError::Kind {
        name,
        wanted: "a whole number, 0 or more",
    };
    let number = match args.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(value) => value.as_u64().or_else(|| {
            value
                .as_f64()
                .filter(|number| number.fract() == 0.0 && *number >= 0.0 && *number < 1e15)
                .map(|number| number as u64)
        }),
    };
    number.map(Some).ok_or(wrong)
}

/// The truth value under `name`, if there is one. Models send it as a text too.
pub(crate) fn truth(args: &Value, name: &'static str) -> Result<Option<bool>, ArgumentError> {
    let wrong = ArgumentError::Kind {
        name,
        wanted: "true or false",
    };
    match args.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(truth)) => Ok(Some(*truth)),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
            Err(wrong)
        }
    }
}

/// The texts under the first of `names` that is there: an array of texts, or one text.
pub(crate) fn texts_or_one(
    args: &Value,
    names: &[&'static str],
) -> Result<Vec<String>, ArgumentError> {
    let given = |name: &&&'static str| args.get(**name).is_some_and(|value| !value.is_null());
    let Some(name) = names.iter().find(given) else {
        return Ok(Vec::new());
    };
    match args.get(*name).and_then(Value::as_str) {
        Some(text) => Ok(vec![text.to_owned()]),
        None => texts(args, name),
    }
}

/// The texts under `name`: an array of texts, or nothing.
pub(crate) fn texts(args: &Value, name: &'static str) -> Result<Vec<String>, ArgumentError> {
    let wrong = || ArgumentError::Kind {
        name,
        wanted: "an array of texts",
    };
    match args.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            Err(wrong())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_are_found_under_all_their_names() {
        let args = json!({"path": "a", "limit": "3", "offset": 2.0, "ignore": ["x"]});
        assert_eq!(required_text(&args, &["file_path", "path"]).unwrap(), "a");
        assert_eq!(whole_number(&args, "limit").unwrap(), Some(3));
        assert_eq!(whole_number(&args, "offset").unwrap(), Some(2));
        assert_eq!(whole_number(&args, "none").unwrap(), None);
        assert_eq!(texts(&args, "ignore").unwrap(), ["x"]);
        assert!(whole_number(&json!({"limit": -1}), "limit").is_err());
        assert!(texts(&json!({"ignore": "x"}), "ignore").is_err());
        let missing = required_text(&args, &["file_path"]).unwrap_err();
        assert_eq!(missing.to_string(), "The argument `file_path` is missing.");
    }
}
