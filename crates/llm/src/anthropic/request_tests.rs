use model::{CallId, Thought, ToolCall};
use serde_json::json;

use super::*;

fn turn(messages: Vec<Message>) -> TurnRequest {
    TurnRequest {
        model: "claude-sonnet-4-5".to_owned(),
        system: "Be brief.".to_owned(),
        messages,
        tools: vec![ToolSpec {
            name: "ls".to_owned(),
            description: "Lists".to_owned(),
            parameters: json!({"type": "object", "properties": {"z": {}, "a": {}}}),
        }],
        max_output_tokens: None,
        temperature: None,
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
        thoughts: vec![Thought {
            subject: "Shown".to_owned(),
            description: "only".to_owned(),
        }],
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

fn tool(id: &str, output: &str, status: ToolStatus) -> Message {
    Message::Tool {
        call_id: CallId::new(id),
        name: "ls".to_owned(),
        output: output.to_owned(),
        status,
    }
}

/// What the provider said of a turn that thought, spoke and called twice.
fn state() -> Value {
    json!({"provider": "anthropic", "model": "claude-sonnet-4-5", "parts": [
        {"raw": {"type": "thinking", "thinking": "Look.", "signature": "c2ln"}},
        {"raw": {"type": "redacted_thinking", "data": "eA=="}},
        {"text": 5}, {"call": true}, {"call": true}]})
}

fn json_of(turn: &TurnRequest) -> Value {
    serde_json::from_slice(&body(turn)).unwrap()
}

#[test]
fn a_whole_conversation_has_exactly_these_bytes() {
    let calls = vec![
        call("toolu_1", "ls", json!({"z": 1, "a": [true]})),
        call("toolu_2", "srv.tool", json!("{not json")),
    ];
    let turn = turn(vec![
        user("Hi \0 \u{2028} \""),
        assistant("Look:", calls, state()),
        tool("toolu_1", "a.txt", ToolStatus::Success),
        tool("toolu_2", "not an object", ToolStatus::Error),
    ]);
    let expected = concat!(
        r#"{"model":"claude-sonnet-4-5","max_tokens":32000,"#,
        r#""system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],"#,
        r#""tools":[{"name":"ls","description":"Lists","input_schema":{"type":"object","properties":{"z":{},"a":{}}}}],"#,
        r#""messages":[{"role":"user","content":[{"type":"text","text":"Hi \u0000 "#,
        "\u{2028}",
        r#" \""}]},"#,
        r#"{"role":"assistant","content":[{"type":"thinking","thinking":"Look.","signature":"c2ln"},"#,
        r#"{"type":"redacted_thinking","data":"eA=="},{"type":"text","text":"Look:"},"#,
        r#"{"type":"tool_use","id":"toolu_1","name":"ls","input":{"z":1,"a":[true]}},"#,
        r#"{"type":"tool_use","id":"toolu_2","name":"srv_tool_b41d2a8527d0448e","input":{"malformed_arguments":"{not json"}}]},"#,
        r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"a.txt"},"#,
        r#"{"type":"tool_result","tool_use_id":"toolu_2","content":"not an object","is_error":true,"cache_control":{"type":"ephemeral"}}]}],"#,
        r#""thinking":{"type":"enabled","budget_tokens":8192},"stream":true}"#,
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
        max_output_tokens: Some(5),
        temperature: Some(0.5),
        ..turn(vec![user("Hi")])
    };
    assert_eq!(
        String::from_utf8(body(&bare)).unwrap(),
        concat!(
            r#"{"model":"claude-sonnet-4-5","max_tokens":5,"#,
            r#""messages":[{"role":"user","content":[{"type":"text","text":"Hi","cache_control":{"type":"ephemeral"}}]}],"#,
            r#""temperature":0.5,"stream":true}"#
        )
    );
}

#[test]
fn roles_alternate_and_nothing_is_blank() {
    let turn = turn(vec![
        user("one"),
        user(" "),
        user("two"),
        assistant("", Vec::new(), Value::Null),
        user("three"),
        assistant(" \n", vec![call("1", "ls", json!(null))], Value::Null),
        tool("1", "", ToolStatus::Success),
        user("four"),
        assistant("five", Vec::new(), Value::Null),
        assistant("six", vec![call("x.y", "ls", json!({}))], Value::Null),
        tool("x.y", " ", ToolStatus::Cancelled),
        tool("z", "", ToolStatus::Error),
    ]);
    let shape: Vec<_> = json_of(&turn)["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| {
            let blocks = message["content"].as_array().unwrap().iter();
            let told = ["text", "name", "content"];
            let words = blocks.map(|block| {
                let word = told.iter().find_map(|key| block[key].as_str());
                word.unwrap_or("-").to_owned()
            });
            let words: Vec<_> = words.collect();
            format!("{}: {}", message["role"].as_str().unwrap(), words.join(" "))
        })
        .collect();
    assert_eq!(
        shape,
        [
            "user: one two three",
            "assistant: ls",
            "user: - four",
            "assistant: five six ls",
            "user: Cancelled Error",
        ]
    );
    let messages = &json_of(&turn)["messages"];
    let id = messages[3]["content"][2]["id"].as_str().unwrap();
    assert!(id.starts_with("x_y_"), "{id}");
    assert_eq!(messages[4]["content"][0]["tool_use_id"], id);
}

#[test]
fn the_prompt_is_cached_up_to_what_was_said_last() {
    let marks = |messages: Vec<Message>| {
        let text = String::from_utf8(body(&turn(messages))).unwrap();
        text.matches("cache_control").count()
    };
    assert_eq!(marks(vec![user("a")]), 2);
    let long = vec![
        user("a"),
        assistant("b", Vec::new(), Value::Null),
        user("c"),
    ];
    assert_eq!(marks(long.clone()), 2);
    let last = &json_of(&turn(long))["messages"][2]["content"][0];
    assert_eq!(last["cache_control"], json!({"type": "ephemeral"}));
    assert_eq!(marks(Vec::new()), 1);
}

#[test]
fn a_call_without_its_thought_stops_the_thinking_until_the_user_speaks() {
    let calls = || vec![call("1", "ls", json!({}))];
    let result = || tool("1", "a", ToolStatus::Success);
    let thinks = |messages: Vec<Message>| json_of(&turn(messages)).get("thinking").is_some();
    let foreign = || assistant("", calls(), Value::Null);
    assert!(thinks(vec![
        user("a"),
        assistant("", calls(), state()),
        result()
    ]));
    assert!(!thinks(vec![user("a"), foreign(), result()]));
    assert!(thinks(vec![user("a"), foreign(), result(), user("b")]));
}

#[test]
fn a_state_of_another_model_is_not_sent() {
    let other = TurnRequest {
        model: "claude-opus-4-1".to_owned(),
        ..turn(vec![
            user("a"),
            assistant("Look:", Vec::new(), state()),
            user("b"),
        ])
    };
    let text = String::from_utf8(body(&other)).unwrap();
    assert!(text.contains("Look:") && !text.contains("c2ln"), "{text}");
}

#[test]
fn a_schema_says_its_type() {
    assert_eq!(*schema(&json!({})), json!({"type": "object"}));
    let odd = json!({"properties": {"a": {}}, "type": null});
    let typed = json!({"type": "object", "properties": {"a": {}}});
    assert_eq!(*schema(&odd), typed);
}
