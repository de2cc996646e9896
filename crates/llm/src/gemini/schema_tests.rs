use super::*;

fn reduced(property: &Value) -> Value {
    let whole = json!({"type": "object", "properties": {"p": property}});
    parameters(&whole).unwrap()["properties"]["p"].take()
}

#[test]
fn what_the_api_knows_stays_and_the_rest_goes() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "x",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "path": {"type": "string", "description": "d", "minLength": 1, "format": "uri",
                     "examples": ["a"], "x-odd": 1},
            "count": {"type": "integer", "minimum": 0, "exclusiveMaximum": 9, "format": "int32"},
        },
        "required": ["path", "gone"],
        "$defs": {"T": {}},
    });
    let expected = json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "d", "minLength": 1},
            "count": {"type": "integer", "minimum": 0, "format": "int32"},
        },
        "required": ["path"],
    });
    assert_eq!(parameters(&schema), Some(expected));
}

#[test]
fn no_parameters_are_none() {
    for empty in [
        json!({}),
        json!(null),
        json!(true),
        json!({"type": "object", "properties": {}}),
    ] {
        assert_eq!(parameters(&empty), None, "{empty}");
    }
}

#[test]
fn what_is_said_otherwise_is_translated() {
    let text = || json!({"type": "string"});
    for (schema, expected) in [
        (
            json!({"type": ["string", "null"]}),
            json!({"nullable": true, "type": "string"}),
        ),
        (
            json!({"type": ["string", "array"]}),
            json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
        ),
        (
            json!({"const": "a"}),
            json!({"type": "string", "enum": ["a"]}),
        ),
        (
            json!({"enum": [1, 2], "type": "integer"}),
            json!({"type": "integer"}),
        ),
        (
            json!({"enum": ["a", null]}),
            json!({"nullable": true, "type": "string", "enum": ["a"]}),
        ),
        (
            json!({"anyOf": [{"type": "null"}, {"type": "number"}]}),
            json!({"nullable": true, "type": "number"}),
        ),
        (
            json!({"oneOf": [{"type": "number"}, {}]}),
            json!({"anyOf": [{"type": "number"}, {"type": "string"}]}),
        ),
        (
            json!({"type": "array"}),
            json!({"type": "array", "items": text()}),
        ),
        (
            json!({"items": true}),
            json!({"items": text(), "type": "array"}),
        ),
        (json!({}), text()),
        (json!(false), text()),
        (
            json!({"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}, "required": ["b"]}]}),
            json!({"properties": {"a": text(), "b": text()}, "required": ["b"], "type": "object"}),
        ),
    ] {
        assert_eq!(reduced(&schema), expected, "{schema}");
    }
}

#[test]
fn references_are_followed_and_bounded() {
    let schema = json!({
        "properties": {"p": {"$ref": "#/$defs/T", "description": "mine"}, "q": {"$ref": "#/none"}},
        "$defs": {"T": {"type": "integer", "description": "theirs"}},
    });
    let properties = parameters(&schema).unwrap()["properties"].take();
    let expected =
        json!({"p": {"type": "integer", "description": "mine"}, "q": {"type": "string"}});
    assert_eq!(properties, expected);
    // Each level doubles the one below it, without end.
    let bomb = json!({
        "properties": {"p": {"$ref": "#/$defs/T"}},
        "$defs": {"T": {"properties": {"a": {"$ref": "#/$defs/T"}, "b": {"$ref": "#/$defs/T"}}}},
    });
    let unfolded = parameters(&bomb).unwrap().to_string();
    assert!(unfolded.len() < 200_000, "{}", unfolded.len());
}
