use model::CallId;
use proptest::prelude::*;

use super::*;

fn origin() -> Origin {
    Origin {
        provider: "p",
        model: "m".to_owned(),
    }
}

fn call(id: &str) -> ToolCall {
    ToolCall {
        call_id: CallId::new(id),
        name: "ls".to_owned(),
        args: json!({}),
    }
}

/// thought, "ä" + "b", call, thought, "c", call with a signature.
fn layout() -> Layout {
    let mut layout = Layout::default();
    layout.push_raw(json!({"thinking": 1}));
    layout.push_text(2, None);
    layout.push_text(1, None);
    layout.push_call(None);
    layout.push_raw(json!({"thinking": 2}));
    layout.push_text(1, None);
    layout.push_call(Some("s".to_owned()));
    layout
}

#[test]
fn everything_comes_back_in_its_place() {
    let state = layout().into_state(&origin());
    let calls = [call("1"), call("2")];
    let (first, second) = (json!({"thinking": 1}), json!({"thinking": 2}));
    assert_eq!(
        pieces(&origin(), "äbc", &calls, &state),
        [
            Piece::Raw(&first),
            Piece::Text("äb", None),
            Piece::Call(&calls[0], None),
            Piece::Raw(&second),
            Piece::Text("c", None),
            Piece::Call(&calls[1], Some("s")),
        ]
    );
}

#[test]
fn a_masked_text_is_said_once_where_the_first_was() {
    let state = layout().into_state(&origin());
    let calls = [call("1"), call("2"), call("3")];
    let said = pieces(&origin(), "[masked]", &calls, &state);
    let (first, second) = (json!({"thinking": 1}), json!({"thinking": 2}));
    assert_eq!(
        said,
        [
            Piece::Raw(&first),
            Piece::Text("[masked]", None),
            Piece::Call(&calls[0], None),
            Piece::Raw(&second),
            Piece::Call(&calls[1], Some("s")),
            Piece::Call(&calls[2], None),
        ]
    );
}

#[test]
fn only_the_model_that_made_a_state_gets_it() {
    let state = layout().into_state(&origin());
    let calls = [call("1")];
    let plain = [Piece::Text("t", None), Piece::Call(&calls[0], None)];
    for other in [
        Origin {
            provider: "q",
            ..origin()
        },
        Origin {
            model: "n".to_owned(),
            ..origin()
        },
    ] {
        assert_eq!(pieces(&other, "t", &calls, &state), plain);
    }
    assert_eq!(pieces(&origin(), "t", &calls, &Value::Null), plain);
}

#[test]
fn what_says_nothing_is_not_kept() {
    let mut plain = Layout::default();
    plain.push_text(3, None);
    plain.push_call(None);
    assert_eq!(plain.into_state(&origin()), Value::Null);
    assert_eq!(Layout::default().into_state(&origin()), Value::Null);
}

#[test]
fn text_without_a_place_comes_before_the_calls() {
    let mut layout = Layout::default();
    layout.push_raw(json!(1));
    layout.push_call(Some("s".to_owned()));
    let state = layout.into_state(&origin());
    let (calls, raw) = ([call("1")], json!(1));
    assert_eq!(
        pieces(&origin(), "t", &calls, &state),
        [
            Piece::Raw(&raw),
            Piece::Text("t", None),
            Piece::Call(&calls[0], Some("s")),
        ]
    );
}

proptest! {
    #[test]
    fn nothing_is_lost_or_doubled(
        text in ".{0,8}",
        count in 0_usize..4,
        parts in prop::collection::vec((0_u8..4, any::<u8>()), 0..8),
    ) {
        let parts: Vec<_> = parts
            .into_iter()
            .map(|(kind, number)| match kind {
                0 => json!({"raw": number}),
                1 => json!({"text": number % 8}),
                2 => json!({"call": true, "signature": "s"}),
                _ => json!({"odd": number}),
            })
            .collect();
        let state = json!({"provider": "p", "model": "m", "parts": parts});
        let calls: Vec<_> = (0..count).map(|id| call(&id.to_string())).collect();
        let (mut said, mut called) = (String::new(), Vec::new());
        for piece in pieces(&origin(), &text, &calls, &state) {
            match piece {
                Piece::Raw(_) => {}
                Piece::Text(text, _) => said.push_str(text),
                Piece::Call(call, _) => called.push(call.clone()),
            }
        }
        prop_assert_eq!(said, text);
        prop_assert_eq!(called, calls);
    }
}
