use model::{CallId, ToolCall};
use serde_json::{Value, json};

use super::*;

fn turn(model: &str, messages: Vec<Message>) -> TurnRequest {
    TurnRequest {
        model: model.to_owned(),
        system: "Be brief.".to_owned(),
        messages,
        tools: vec![ToolSpec {
            name: "ls".to_owned(),
            description: "Lists".to_owned(),
            parameters: json!({"$schema": "x", "type": "object", "additionalProperties": false,
                "properties": {"z": {"type": "string"}, "a": {"type": "integer"}}}),
        }],
        max_output_tokens: Some(5),
        temperature: Some(0.5),
    }
}

fn user(text: &str) -> Message {
    Message::User {
        text: text.to_owned(),
    }
}

fn assistant(text: &str, tool_calls: Vec<ToolCall>, provider_state: Value) -> Message {
    Message::Assistant {
        text: text.to_owned(),
        thoughts: Vec::new(),
        tool_calls,
        provider_state,
    }
}

fn call(id: &str, name: &str, args: Value) -> ToolCall {
    ToolCall {
        call_id: CallId::new(id),
        name: name.to_owned(),
        args,
    }
}

fn tool(name: &str, output: &str, status: ToolStatus) -> Message {
    Message::Tool {
        call_id: CallId::new("x"),
        name: name.to_owned(),
        output: output.to_owned(),
        status,
    }
}

/// What the provider said of a turn that thought, spoke and called twice.
fn state() -> Value {
    json!({"provider": "gemini", "model": "gemini-2.5-pro", "parts": [
        {"raw": {"text": "Look.", "thought": true, "thoughtSignature": "dA=="}},
        {"text": 5},
        {"call": true, "signature": "c2ln"}, {"call": true}, {"text": 0, "signature": "ZW5k"}]})
}

#[test]
fn a_whole_conversation_has_exactly_these_bytes() {
    let calls = vec![
        call("1", "ls", json!({"z": 1, "a": [true]})),
        call("2", "srv.tool", json!("{not json")),
    ];
    let turn = turn(
        "gemini-2.5-pro",
        vec![
            user("Hi \0 \u{2028} \""),
            assistant("Look:", calls, state()),
            tool("ls", "a.txt", ToolStatus::Success),
            tool("srv.tool", "not an object", ToolStatus::Error),
            user("Go on"),
        ],
    );
    let expected = concat!(
        r#"{"systemInstruction":{"parts":[{"text":"Be brief."}]},"#,
        r#""tools":[{"functionDeclarations":[{"name":"ls","description":"Lists","parameters":"#,
        r#"{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"integer"}}}}]}],"#,
        r#""contents":[{"role":"user","parts":[{"text":"Hi \u0000 "#,
        "\u{2028}",
        r#" \""}]},"#,
        r#"{"role":"model","parts":[{"text":"Look.","thought":true,"thoughtSignature":"dA=="},{"text":"Look:"},"#,
        r#"{"functionCall":{"name":"ls","args":{"z":1,"a":[true]}},"thoughtSignature":"c2ln"},"#,
        r#"{"functionCall":{"name":"srv_tool_b41d2a8527d0448e","args":{"malformed_arguments":"{not json"}}},"#,
        r#"{"text":"","thoughtSignature":"ZW5k"}]},"#,
        r#"{"role":"user","parts":[{"functionResponse":{"name":"ls","response":{"output":"a.txt"}}},"#,
        r#"{"functionResponse":{"name":"srv_tool_b41d2a8527d0448e","response":{"error":"not an object"}}},"#,
        r#"{"text":"Go on"}]}],"#,
        r#""generationConfig":{"maxOutputTokens":5,"temperature":0.5,"thinkingConfig":{"includeThoughts":true}}}"#,
    );
    let bytes = body(&turn);
    assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);
    assert_eq!(body(&turn.clone()), bytes);
}

#[test]
fn what_is_not_set_is_not_sent() {
    let bare = TurnRequest {
        system: " \n".to_owned(),
        tools: Vec::new(),
        max_output_tokens: None,
        temperature: Some(f64::NAN),
        ..turn("gemini-2.0-flash", vec![user("Hi")])
    };
    assert_eq!(
        String::from_utf8(body(&bare)).unwrap(),
        r#"{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}"#
    );
}

#[test]
fn roles_alternate_and_nothing_is_blank() {
    let turn = turn(
        "gemini-2.5-pro",
        vec![
            user("one"),
            user(" "),
            user("two"),
            assistant("", Vec::new(), state()),
            user("three"),
            assistant(" \n", vec![call("1", "ls", json!(null))], Value::Null),
            tool("ls", "", ToolStatus::Cancelled),
            assistant("five", Vec::new(), Value::Null),
        ],
    );
    let contents = serde_json::from_slice::<Value>(&body(&turn)).unwrap()["contents"].take();
    assert_eq!(
        contents,
        json!([
            {"role": "user", "parts": [{"text": "one"}, {"text": "two"}, {"text": "three"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "ls", "args": {}}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "ls", "response": {"error": "Cancelled:\n"}}}]},
            {"role": "model", "parts": [{"text": "five"}]},
        ])
    );
}

#[test]
fn calls_of_another_model_are_marked_where_signatures_are_wanted() {
    let signatures = |model: &str, state: Value| {
        let calls = vec![call("1", "ls", json!({})), call("2", "ls", json!({}))];
        let turn = turn(model, vec![user("a"), assistant("", calls, state)]);
        let body: Value = serde_json::from_slice(&body(&turn)).unwrap();
        let parts = body["contents"][1]["parts"].as_array().unwrap().clone();
        let calls = parts
            .iter()
            .filter(|part| part.get("functionCall").is_some());
        let signed = calls.map(|part| part["thoughtSignature"].as_str().map(str::to_owned));
        signed.collect::<Vec<_>>()
    };
    let own = json!({"provider": "gemini", "model": "gemini-3-pro", "parts": [
        {"call": true, "signature": "c2ln"}, {"call": true}]});
    let foreign = Some(FOREIGN_SIGNATURE.to_owned());
    assert_eq!(
        signatures("gemini-3-pro", own),
        [Some("c2ln".to_owned()), None]
    );
    assert_eq!(signatures("gemini-3-pro", state()), [foreign, None]);
    assert_eq!(signatures("gemini-2.5-flash", state()), [None, None]);
}
