//! The arguments of calls, from the text that a model wrote and back.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::json;

/// The arguments that a model wrote as JSON text; see [`ProposedCall::args`](crate::ProposedCall).
pub(crate) fn read(text: String) -> Value {
    if text.trim().is_empty() {
        return Value::Object(Map::new());
    }
    match json::parse(&text) {
        Ok(Value::Null) => Value::Object(Map::new()),
        Ok(value) => value,
        Err(_) => Value::String(text),
    }
}

/// The arguments as an object. Chat templates and providers take them apart and fail the request
/// on anything else, so what the model got wrong is sent back under a name that says so.
pub(crate) fn object(args: &Value) -> Cow<'_, Value> {
    match args {
        Value::Object(_) => Cow::Borrowed(args),
        Value::Null => Cow::Owned(Value::Object(Map::new())),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            let wrapped = Map::from_iter([("malformed_arguments".to_owned(), args.clone())]);
            Cow::Owned(Value::Object(wrapped))
        }
    }
}
