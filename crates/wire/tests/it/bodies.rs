//! The exact JSON of envelopes and pages.

use serde_json::json;
use sigmic_wire::{ErrorCode, Failure, Paged, Success};

fn value(body: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(body).unwrap()
}

#[test]
fn contract_003_an_error_has_exactly_two_members() {
    for code in ErrorCode::ALL {
        let body = value(&Failure::new(code, code.default_message()));
        let expected = json!({"success": false, "error": {"message": code.default_message(), "code": code.as_str()}});
        assert_eq!(body, expected);
    }
}

#[test]
fn contract_099_a_page_carries_its_place_in_the_whole() {
    let page = value(&Paged::new(vec![1, 2], 5, 2, 2));
    let expected = json!({
        "success": true, "data": [1, 2],
        "pagination": {"total": 5, "limit": 2, "offset": 2, "hasMore": true},
    });
    assert_eq!(page, expected);
    assert_eq!(
        value(&Paged::new(vec![1], 5, 2, 4))["pagination"]["hasMore"],
        false
    );
    assert_eq!(
        value(&Paged::<i32>::new(vec![], 5, 2, 9))["pagination"]["hasMore"],
        false
    );
    assert_eq!(value(&Success::new(1)), json!({"success": true, "data": 1}));
}
