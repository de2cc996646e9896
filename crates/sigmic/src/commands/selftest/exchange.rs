//! What an exchange may say.

use reqwest::Method;
use serde_json::{Value, json};

use super::probe::{Ask, Wants};
use Wants::{Refused, Works};

const MISSING: Wants = Refused(400, "MISSING_CREDENTIALS");
const NO_USER: Wants = Refused(400, "MISSING_END_USER_ID");
const LIFETIME: Wants = Refused(400, "INVALID_EXPIRES_IN");
const VARIABLES: Wants = Refused(400, "INVALID_ENV");
const WRONG: Wants = Refused(401, "INVALID_CREDENTIALS");

/// A field, its value as JSON, and what is expected of a request that is right otherwise.
#[rustfmt::skip]
const FIELDS: &[(&str, &str, Wants)] = &[
    ("expiresIn", "\"60s\"", Works), ("expiresIn", "\"1h\"", Works), ("expiresIn", "null", Works),
    ("env", "{\"A\":\"b\"}", Works), ("unknown", "1", Works),
    ("appId", "null", MISSING), ("appId", "\"\"", MISSING), ("appId", "1", MISSING),
    ("appId", "[]", MISSING), ("appId", "{}", MISSING), ("appSecret", "null", MISSING),
    ("appSecret", "\"\"", MISSING), ("appSecret", "true", MISSING),
    ("endUserId", "null", NO_USER), ("endUserId", "\"\"", NO_USER), ("endUserId", "\"  \"", NO_USER),
    ("endUserId", "7", NO_USER), ("endUserId", "[\"a\"]", NO_USER),
    ("expiresIn", "\"\"", LIFETIME), ("expiresIn", "\"59s\"", LIFETIME),
    ("expiresIn", "\"31d\"", LIFETIME), ("expiresIn", "\"-1h\"", LIFETIME),
    ("expiresIn", "\"1y\"", LIFETIME), ("expiresIn", "3600", LIFETIME),
    ("expiresIn", "\"99999999999999999999d\"", LIFETIME), ("expiresIn", "\"1h \"", LIFETIME),
    ("env", "{\"1A\":\"b\"}", VARIABLES), ("env", "{\"PATH\":\"b\"}", VARIABLES),
    ("env", "{\"LD_PRELOAD\":\"b\"}", VARIABLES), ("secrets", "{\"A\":1}", VARIABLES),
    ("appId", "\"app_x\"", WRONG), ("appId", "\"' OR '1'='1\"", WRONG),
    ("appId", "\"app_000000000000000000000000\"", WRONG), ("appSecret", "\"x\"", WRONG),
    ("appSecret", "\"' OR '1'='1\"", WRONG),
    ("appSecret", "\"sas_0000000000000000000000000000000000000000000000000000000000000000\"", WRONG),
];

/// Every case, from a request that succeeds.
pub(super) fn cases(good: &Value) -> Vec<(String, Ask, Wants)> {
    let ask = |body: Value| Ask::to(Method::POST, "/api/v1/auth/token").json(body);
    let case = |(name, value, wants): &(&str, &str, Wants)| {
        let mut body = good.clone();
        body[*name] = serde_json::from_str(value).unwrap_or_default();
        (format!("{name} {value}"), ask(body), *wants)
    };
    let mut cases: Vec<_> = FIELDS.iter().map(case).collect();
    for body in [json!([]), json!("text"), json!(null)] {
        let wants = Refused(400, "VALIDATION_ERROR");
        cases.push((format!("a body that is {body}"), ask(body), wants));
    }
    cases
}
