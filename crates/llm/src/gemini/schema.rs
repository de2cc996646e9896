//! Tools' schemas in the subset of JSON Schema that the API understands: it refuses a request with
//! any other keyword in it. What cannot be said is left out, which allows more, never less; the
//! tool itself checks its arguments anyway.

use serde_json::{Map, Value, json};

/// Schemas within one schema; bounds what references to references unfold to.
const MAX_SCHEMAS: usize = 2_000;
/// How deep they may lie in each other.
const MAX_DEPTH: usize = 24;

/// Keywords that are passed on as they are.
const PLAIN: [&str; 13] = [
    "title",
    "description",
    "default",
    "nullable",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
];
/// The formats that the API knows; any other is refused.
const FORMATS: [&str; 6] = ["date-time", "enum", "int32", "int64", "float", "double"];

/// The parameters of a tool; `None` for one without any, whose empty object would be refused.
pub(super) fn parameters(schema: &Value) -> Option<Value> {
    let mut reducer = Reducer {
        root: schema,
        left: MAX_SCHEMAS,
    };
    let mut reduced = reducer.reduce(schema, MAX_DEPTH);
    reduced.insert("type".to_owned(), Value::from("object"));
    let properties = reduced.get("properties").and_then(Value::as_object);
    properties
        .is_some_and(|properties| !properties.is_empty())
        .then_some(Value::Object(reduced))
}

struct Reducer<'a> {
    root: &'a Value,
    left: usize,
}

impl<'a> Reducer<'a> {
    /// A schema that stands alone, and so must be complete.
    fn whole(&mut self, schema: &Value, depth: usize) -> Value {
        let mut reduced = self.reduce(schema, depth);
        complete(&mut reduced);
        Value::Object(reduced)
    }

    /// What a schema says.
    fn reduce(&mut self, schema: &Value, depth: usize) -> Map<String, Value> {
        let mut reduced = Map::new();
        self.left = self.left.saturating_sub(1);
        let Some(schema) = schema.as_object().filter(|_| depth > 0 && self.left > 0) else {
            // `true`, `false`, or beyond all bounds: anything goes.
            return reduced;
        };
        if let Some(target) = self.target(schema) {
            reduced = self.reduce(target, depth - 1);
        }
        for (key, value) in schema {
            match key.as_str() {
                "type" => take_type(value, &mut reduced),
                "enum" => take_enum(value, &mut reduced),
                "const" => take_enum(&json!([value]), &mut reduced),
                "format" if FORMATS.iter().any(|known| value == known) => {
                    reduced.insert("format".to_owned(), value.clone());
                }
                "properties" => self.take_properties(value, depth, &mut reduced),
                "items" => {
                    let items = self.whole(value, depth - 1);
                    reduced.insert("items".to_owned(), items);
                }
                "anyOf" | "oneOf" => self.take_alternatives(value, depth, &mut reduced),
                "allOf" => {
                    for part in value.as_array().into_iter().flatten() {
                        merge(self.reduce(part, depth - 1), &mut reduced);
                    }
                }
                plain if PLAIN.contains(&plain) => {
                    reduced.insert(key.clone(), value.clone());
                }
                _ => {}
            }
        }
        take_required(schema, &mut reduced);
        reduced
    }

    /// What a reference within the schema points to.
    fn target(&self, schema: &Map<String, Value>) -> Option<&'a Value> {
        let pointer = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
        self.root.pointer(pointer)
    }

    fn take_properties(&mut self, value: &Value, depth: usize, reduced: &mut Map<String, Value>) {
        let properties: Map<_, _> = value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.clone(), self.whole(schema, depth - 1)))
            .collect();
        if !properties.is_empty() {
            merge(
                Map::from_iter([("properties".to_owned(), Value::Object(properties))]),
                reduced,
            );
        }
    }

    /// `null` among the alternatives is what the API calls nullable.
    fn take_alternatives(&mut self, value: &Value, depth: usize, reduced: &mut Map<String, Value>) {
        let all = value.as_array().map_or(&[][..], Vec::as_slice);
        let is_null = |schema: &&Value| schema["type"] == "null";
        if all.iter().any(|schema| is_null(&schema)) {
            reduced.insert("nullable".to_owned(), Value::Bool(true));
        }
        let others: Vec<_> = all.iter().filter(|schema| !is_null(schema)).collect();
        match others.as_slice() {
            [] => {}
            [one] => merge(self.reduce(one, depth - 1), reduced),
            [_, _, ..] => {
                let others = others.iter().map(|schema| self.whole(schema, depth - 1));
                reduced.insert("anyOf".to_owned(), others.collect());
            }
        }
    }
}

/// One type; a list of them is `anyOf`, and `null` in it is what the API calls nullable.
fn take_type(value: &Value, reduced: &mut Map<String, Value>) {
    let names = match value {
        Value::Array(names) => names.as_slice(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            std::slice::from_ref(value)
        }
    };
    let known = ["string", "number", "integer", "boolean", "array", "object"];
    let types: Vec<_> = names
        .iter()
        .filter(|name| known.iter().any(|known| name == known))
        .collect();
    if names.iter().any(|name| name == "null") {
        reduced.insert("nullable".to_owned(), Value::Bool(true));
    }
    match types.as_slice() {
        [] => {}
        [one] => {
            reduced.insert("type".to_owned(), (*one).clone());
        }
        [_, _, ..] => {
            let types = types.iter().map(|name| {
                let mut one = Map::from_iter([("type".to_owned(), (*name).clone())]);
                complete(&mut one);
                Value::Object(one)
            });
            reduced.insert("anyOf".to_owned(), types.collect());
        }
    }
}

/// Only strings can be enumerated.
fn take_enum(value: &Value, reduced: &mut Map<String, Value>) {
    let values = value.as_array().map_or(&[][..], Vec::as_slice);
    let (nulls, values): (Vec<&Value>, Vec<&Value>) =
        values.iter().partition(|value| value.is_null());
    if !nulls.is_empty() {
        reduced.insert("nullable".to_owned(), Value::Bool(true));
    }
    // An empty one among them is refused.
    let is_word = |value: &&Value| value.as_str().is_some_and(|word| !word.is_empty());
    if !values.is_empty() && values.iter().all(is_word) {
        reduced.insert("type".to_owned(), Value::from("string"));
        reduced.insert("enum".to_owned(), values.into_iter().cloned().collect());
    }
}

/// What is required must be a property.
fn take_required(schema: &Map<String, Value>, reduced: &mut Map<String, Value>) {
    let Some(names) = schema.get("required").and_then(Value::as_array) else {
        return;
    };
    let properties = reduced.get("properties").and_then(Value::as_object);
    let is_property = |name: &&Value| {
        let name = name.as_str();
        name.is_some_and(|name| properties.is_some_and(|known| known.contains_key(name)))
    };
    let names: Vec<_> = names.iter().filter(is_property).cloned().collect();
    if !names.is_empty() {
        merge(
            Map::from_iter([("required".to_owned(), Value::Array(names))]),
            reduced,
        );
    }
}

/// Every schema must have a type, and a list must say what it is a list of. Where anything goes, a
/// text can say it.
fn complete(reduced: &mut Map<String, Value>) {
    if !reduced.contains_key("type") && !reduced.contains_key("anyOf") {
        let has = |key: &str| reduced.contains_key(key);
        let name = match (has("properties"), has("items")) {
            (true, _) => "object",
            (false, true) => "array",
            (false, false) => "string",
        };
        reduced.insert("type".to_owned(), Value::from(name));
    }
    if reduced.get("type").is_some_and(|name| name == "array") && !reduced.contains_key("items") {
        reduced.insert("items".to_owned(), json!({"type": "string"}));
    }
}

/// Adds what one more part of a schema says.
fn merge(more: Map<String, Value>, reduced: &mut Map<String, Value>) {
    for (key, value) in more {
        match (key.as_str(), reduced.get_mut(&key), value) {
            ("properties", Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
            ("required", Some(Value::Array(known)), Value::Array(more)) => {
                for name in more {
                    if !known.contains(&name) {
                        known.push(name);
                    }
                }
            }
            (_, _, value) => {
                reduced.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
