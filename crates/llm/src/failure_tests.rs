use serde_json::json;

use super::*;

fn sorted(status: u16, body: &str) -> String {
    let failure = Failure {
        status: Some(status),
        retry_after_ms: Some(7),
        key: None,
    };
    kind(&failure.read_body(body))
}

fn kind(error: &ModelError) -> String {
    let debug = format!("{error:?}");
    debug
        .split([' ', '('])
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn statuses_and_codes_are_told_apart() {
    let coded = |code: &str| json!({"error": {"message": "no", "code": code}}).to_string();
    let table = [
        (429, coded("rate_limit_exceeded"), "RateLimited"),
        (429, coded("insufficient_quota"), "QuotaExhausted"),
        (429, coded("billing_hard_limit_reached"), "QuotaExhausted"),
        (429, String::new(), "RateLimited"),
        (402, String::new(), "QuotaExhausted"),
        (400, coded("context_length_exceeded"), "ContextOverflow"),
        (413, "<html>".to_owned(), "ContextOverflow"),
        (
            400,
            json!({"message": "This model's maximum context length is 4096"}).to_string(),
            "ContextOverflow",
        ),
        (400, coded("content_filter"), "Refused"),
        (400, coded("other"), "Invalid"),
        (404, coded("model_not_found"), "Invalid"),
        (307, String::new(), "Invalid"),
        (401, coded("invalid_api_key"), "Denied"),
        (403, String::new(), "Denied"),
        (408, String::new(), "Unavailable"),
        (500, String::new(), "Unavailable"),
        (503, "<html>".to_owned(), "Unavailable"),
        (529, String::new(), "Unavailable"),
    ];
    for (status, body, expected) in table {
        assert_eq!(sorted(status, &body), expected, "{status} {body}");
    }
}

#[test]
fn anthropic_has_one_code_for_much() {
    let typed = |kind: &str, message: &str| {
        json!({"type": "error", "error": {"type": kind, "message": message}}).to_string()
    };
    let table = [
        (
            400,
            typed(
                "invalid_request_error",
                "prompt is too long: 9 tokens > 8 maximum",
            ),
            "ContextOverflow",
        ),
        (
            400,
            typed(
                "invalid_request_error",
                "input length and `max_tokens` exceed context limit: 1 + 2 > 2",
            ),
            "ContextOverflow",
        ),
        (
            400,
            typed(
                "invalid_request_error",
                "Your credit balance is too low to access the Anthropic API.",
            ),
            "QuotaExhausted",
        ),
        (
            400,
            typed(
                "invalid_request_error",
                "You have reached your specified API usage limits.",
            ),
            "QuotaExhausted",
        ),
        (403, typed("billing_error", "no"), "QuotaExhausted"),
        (
            400,
            typed("invalid_request_error", "max_tokens: Field required"),
            "Invalid",
        ),
        (429, typed("rate_limit_error", "slow"), "RateLimited"),
        (529, typed("overloaded_error", "Overloaded"), "Unavailable"),
    ];
    for (status, body, expected) in table {
        assert_eq!(sorted(status, &body), expected, "{status} {body}");
    }
}

#[test]
fn gemini_says_the_rest_in_its_details() {
    let error = |code: u16, status: &str, message: &str, details: serde_json::Value| json!({"error": {"code": code, "status": status, "message": message, "details": details}});
    let quota = |id: &str| json!([{"violations": [{"quotaId": id}]}, {"retryDelay": "34.5s"}]);
    let slow = error(
        429,
        "RESOURCE_EXHAUSTED",
        "quota",
        quota("RequestsPerMinutePerModel"),
    );
    let table = [
        (429, slow.clone(), "RateLimited"),
        (429, json!([slow]), "RateLimited"),
        (
            429,
            error(
                429,
                "RESOURCE_EXHAUSTED",
                "quota",
                quota("RequestsPerDayPerModel"),
            ),
            "QuotaExhausted",
        ),
        (
            400,
            error(
                400,
                "INVALID_ARGUMENT",
                "no",
                json!([{"reason": "API_KEY_INVALID"}]),
            ),
            "Denied",
        ),
        (
            400,
            error(
                400,
                "INVALID_ARGUMENT",
                "The input token count (9) exceeds the maximum number of tokens allowed (8).",
                json!(null),
            ),
            "ContextOverflow",
        ),
        (
            400,
            error(400, "INVALID_ARGUMENT", "no", json!([])),
            "Invalid",
        ),
        (
            503,
            error(503, "UNAVAILABLE", "overloaded", json!({})),
            "Unavailable",
        ),
    ];
    for (status, body, expected) in table {
        assert_eq!(sorted(status, &body.to_string()), expected, "{body}");
    }
    let wish = Failure::default().read_body(&slow.to_string());
    assert_eq!(wish.retry_after_ms(), Some(34_500));
}

#[test]
fn an_error_inside_a_stream_is_sorted_by_its_code() {
    let table = [
        (json!({"code": 429, "message": "slow"}), "RateLimited"),
        (json!({"code": 503}), "Unavailable"),
        (json!({"code": "insufficient_quota"}), "QuotaExhausted"),
        (json!({"type": "rate_limit_error"}), "RateLimited"),
        (json!({"type": "invalid_request_error"}), "Invalid"),
        (json!({"type": "overloaded_error"}), "Unavailable"),
        (json!({"type": "authentication_error"}), "Denied"),
        (json!({"type": "permission_error"}), "Denied"),
        (json!("it broke"), "Unavailable"),
        (json!(null), "Unavailable"),
        (json!({"code": 99999999999_u64}), "Unavailable"),
    ];
    for (error, expected) in table {
        assert_eq!(
            kind(&Failure::default().read_object(&error)),
            expected,
            "{error}"
        );
    }
}

#[test]
fn a_message_is_short_and_without_the_key() {
    let key = ApiKey::new("sk-secret-value");
    let failure = Failure {
        status: Some(400),
        retry_after_ms: None,
        key: Some(&key),
    };
    let long = format!("bad key sk-secret-value\n\u{1b}[31m {}", "x".repeat(10_000));
    let error = failure.read_body(&long);
    let shown = error.to_string();
    assert!(shown.contains("bad key [key]"), "{shown}");
    assert!(
        !shown.contains('\u{1b}') && !shown.contains('\n'),
        "{shown}"
    );
    assert!(shown.len() < 400, "{}", shown.len());
    assert!(!format!("{error:?}").contains("sk-secret-value"));
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = Timestamp::parse_iso("1994-11-06T08:49:30Z").unwrap();
    let table = [
        ("7", Some(7_000)),
        (" 0 ", Some(0)),
        ("1.5", Some(1_500)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7_000)),
        ("Sun, 06 Nov 1994 08:49:07 GMT", Some(0)),
        ("-3", None),
        ("NaN", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        ("1e300", Some(u64::MAX)),
    ];
    for (value, expected) in table {
        assert_eq!(retry_after_ms(value, now), expected, "{value}");
    }
}
