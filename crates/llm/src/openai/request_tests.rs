use model::{CallId, Thought};
use serde_json::json;

use super::*;

fn turn() -> TurnRequest {
    TurnRequest {
        model: "m".to_owned(),
        system: "Be brief.".to_owned(),
        messages: vec![
            Message::User {
                text: "Hi \0 \u{2028} \"".to_owned(),
            },
            Message::Assistant {
                text: String::new(),
                thoughts: vec![Thought {
                    subject: "Secret".to_owned(),
                    description: "plan".to_owned(),
                }],
                tool_calls: vec![
                    call("1", "ls", json!({"z": 1, "a": [true]})),
                    call("2", "srv.tool", json!("{not json")),
                    call("3", "ls", json!(null)),
                ],
                provider_state: Value::Null,
            },
            tool("1", "a.txt", ToolStatus::Success),
            tool("2", "not an object", ToolStatus::Error),
            tool("3", "", ToolStatus::Cancelled),
            Message::Assistant {
                text: "Done.".to_owned(),
                thoughts: Vec::new(),
                tool_calls: Vec::new(),
                provider_state: Value::Null,
            },
        ],
        tools: vec![ToolSpec {
            name: "ls".to_owned(),
            description: "Lists".to_owned(),
            parameters: json!({"type": "object", "properties": {"z": {}, "a": {}}}),
        }],
        max_output_tokens: Some(5),
        temperature: Some(0.5),
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

#[test]
fn a_whole_conversation_has_exactly_these_bytes() {
    let expected = concat!(
        r#"{"model":"m","messages":[{"role":"system","content":"Be brief."},"#,
        r#"{"role":"user","content":"Hi \u0000 "#,
        "\u{2028}",
        r#" \""},"#,
        r#"{"role":"assistant","content":null,"tool_calls":["#,
        r#"{"id":"1","type":"function","function":{"name":"ls","arguments":"{\"z\":1,\"a\":[true]}"}},"#,
        r#"{"id":"2","type":"function","function":{"name":"srv_tool_b41d2a8527d0448e","arguments":"{\"malformed_arguments\":\"{not json\"}"}},"#,
        r#"{"id":"3","type":"function","function":{"name":"ls","arguments":"{}"}}]},"#,
        r#"{"role":"tool","content":"a.txt","tool_call_id":"1"},"#,
        r#"{"role":"tool","content":"Error:\nnot an object","tool_call_id":"2"},"#,
        r#"{"role":"tool","content":"Cancelled:\n","tool_call_id":"3"},"#,
        r#"{"role":"assistant","content":"Done."}],"#,
        r#""tools":[{"type":"function","function":{"name":"ls","description":"Lists","parameters":{"type":"object","properties":{"z":{},"a":{}}}}}],"#,
        r#""max_tokens":5,"temperature":0.5,"stream":true,"stream_options":{"include_usage":true}}"#,
    );
    let bytes = body(&turn(), TokenLimitField::MaxTokens);
    assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);
    assert_eq!(body(&turn().clone(), TokenLimitField::MaxTokens), bytes);
}

#[test]
fn what_is_not_set_is_not_sent() {
    let bare = TurnRequest {
        system: String::new(),
        messages: vec![Message::User {
            text: "Hi".to_owned(),
        }],
        tools: Vec::new(),
        max_output_tokens: None,
        temperature: Some(f64::NAN),
        ..turn()
    };
    assert_eq!(
        String::from_utf8(body(&bare, TokenLimitField::MaxTokens)).unwrap(),
        concat!(
            r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"#,
            r#""stream":true,"stream_options":{"include_usage":true}}"#
        )
    );
}

#[test]
fn openai_itself_gets_the_newer_limit() {
    let text = String::from_utf8(body(&turn(), TokenLimitField::MaxCompletionTokens)).unwrap();
    assert!(text.contains(r#""max_completion_tokens":5"#) && !text.contains("\"max_tokens\""));
}
