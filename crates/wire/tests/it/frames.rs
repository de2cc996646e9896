//! The bytes of the stream, as the documented clients parse them.

use model::Seq;
use serde_json::{Value, json};
use sigmic_wire::{Envelope, Frame, StreamEvent};

/// The Node sample: a block's first line is its event, its second its data.
fn node(block: &str) -> (String, Value) {
    let lines: Vec<&str> = block.split('\n').collect();
    let name = lines[0].replacen("event: ", "", 1);
    let data = lines[1].replacen("data: ", "", 1);
    (name, serde_json::from_str(&data).unwrap())
}

/// The Python sample: every `data: ` in the line is deleted.
fn python(block: &str) -> Value {
    let line = block
        .lines()
        .find(|line| line.starts_with("data:"))
        .unwrap();
    serde_json::from_str(&line.replace("data: ", "")).unwrap()
}

fn content(text: &str) -> Frame {
    Frame {
        event: StreamEvent::Content {
            text: text.to_owned(),
            is_partial: true,
        },
        id: None,
    }
}

#[test]
fn contract_114_a_block_is_event_then_data_then_id() {
    let frame = Frame {
        event: StreamEvent::Done {
            final_response: "x".to_owned(),
        },
        id: Some(Seq(7)),
    };
    assert_eq!(
        frame.to_text(Envelope::Plain),
        "event: done\ndata: {\"finalResponse\":\"x\"}\nid: 7\n\n"
    );
    assert_eq!(
        content("x").to_text(Envelope::Plain),
        "event: content\ndata: {\"text\":\"x\",\"isPartial\":true}\n\n"
    );
    assert_eq!(sigmic_wire::HEARTBEAT, ":heartbeat\n\n");
}

#[test]
fn contract_115_no_carriage_return_and_one_line_of_data() {
    let block = content("a\r\nb\rc\n\nd").to_text(Envelope::Plain);
    assert!(!block.contains('\r') && !block.starts_with('\u{feff}'));
    assert_eq!(block.matches('\n').count(), 3);
}

#[test]
fn contract_151_text_that_looks_like_the_protocol_arrives_unharmed() {
    for text in [
        "x data: y",
        "data: data: ",
        "event: done\ndata: {}\n\n",
        "id: 9",
    ] {
        let block = content(text).to_text(Envelope::Plain);
        assert_eq!(node(&block).1["text"], text);
        assert_eq!(python(&block)["text"], text);
    }
}

#[test]
fn contract_152_any_text_is_valid_json_on_one_line() {
    for text in [
        "a\n\nb",
        "event: x",
        "\"quoted\" \\",
        "😀",
        "\u{2028}\u{2029}\u{85}",
        "\0",
        "\u{fffd}",
    ] {
        let block = content(text).to_text(Envelope::Plain);
        assert_eq!(node(&block).1["text"], text);
    }
}

#[test]
fn contract_149_a_waiting_call_is_sent_in_both_forms() {
    let event = |status| StreamEvent::ToolCall {
        call_id: "c".to_owned(),
        tool_name: "t".to_owned(),
        status,
        args: json!({}),
    };
    let waiting = Frame {
        event: event("awaiting_approval"),
        id: None,
    }
    .to_text(Envelope::Plain);
    let (_, data) = node(&waiting);
    assert_eq!(data["callId"], "c");
    assert_eq!(data["type"], "tool_call");
    assert_eq!(
        data["data"],
        json!({"callId": "c", "toolName": "t", "status": "awaiting_approval", "args": {}})
    );
    let running = Frame {
        event: event("executing"),
        id: None,
    };
    assert_eq!(node(&running.to_text(Envelope::Plain)).1.get("data"), None);
    assert_eq!(
        node(&running.to_text(Envelope::Typed)).1["data"]["callId"],
        "c"
    );
}
