//! `POST /api/v1/auth/token`, and what its tokens say.

use serde_json::{Value, json};
use testkit::TestServer;

use crate::widgets::{Shop, claims};

/// The request with one field changed; null takes it away.
fn with(shop: &Shop, name: &str, value: Value) -> Value {
    let mut body = shop.request("u1");
    body[name] = value;
    body
}

async fn refused(shop: &Shop, body: &Value) -> (u16, String) {
    shop.exchange(body).await.error()
}

#[tokio::test]
async fn contract_039_040_a_token_in_the_envelope_and_beside_it() {
    let shop = Shop::new().await;
    let answer = shop.exchange(&shop.request("u1")).await;
    let body = answer.json();
    assert_eq!(body["success"], true);
    let token = body["data"]["token"].as_str().unwrap();
    assert!(token.starts_with("eyJ"));
    let expires_at = body["data"]["expiresAt"].as_str().unwrap();
    assert!(
        expires_at.ends_with('Z') && expires_at.len() == 24,
        "{expires_at}"
    );
    assert_eq!(body["token"], token);
    assert_eq!(body["expiresAt"], expires_at);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn contract_041_042_what_is_missing_is_named() {
    let shop = Shop::new().await;
    for name in ["appId", "appSecret"] {
        for value in [json!(null), json!(""), json!(7), json!(["x"])] {
            let body = with(&shop, name, value);
            let expected = (400, "MISSING_CREDENTIALS".to_owned());
            assert_eq!(refused(&shop, &body).await, expected, "{body}");
        }
    }
    for value in [json!(null), json!(""), json!("   "), json!(7)] {
        let body = with(&shop, "endUserId", value);
        let expected = (400, "MISSING_END_USER_ID".to_owned());
        assert_eq!(refused(&shop, &body).await, expected, "{body}");
    }
    let long = with(&shop, "endUserId", json!("x".repeat(257)));
    assert_eq!(
        refused(&shop, &long).await,
        (400, "VALIDATION_ERROR".to_owned())
    );
    assert_eq!(
        refused(&shop, &json!([])).await,
        (400, "VALIDATION_ERROR".to_owned())
    );
    assert_eq!(
        refused(&shop, &json!({})).await,
        (400, "MISSING_CREDENTIALS".to_owned())
    );
}

#[tokio::test]
async fn contract_043_wrong_credentials_are_one_answer() {
    let shop = Shop::new().await;
    let mut answers = Vec::new();
    for (name, value) in [
        ("appSecret", format!("sas_{}", "a".repeat(64))),
        ("appSecret", "x".to_owned()),
        ("appId", format!("app_{}", "a".repeat(24))),
        ("appId", "x".to_owned()),
        ("appId", "' OR '1'='1".to_owned()),
    ] {
        let answer = shop.exchange(&with(&shop, name, json!(value))).await;
        assert_eq!(answer.error(), (401, "INVALID_CREDENTIALS".to_owned()));
        answers.push(answer.text);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn contract_044_045_a_life_time_has_one_form() {
    let shop = Shop::new().await;
    for value in [
        json!("soon"),
        json!(3600),
        json!("0h"),
        json!("-1h"),
        json!("1y"),
        json!("59s"),
        json!("31d"),
        json!(""),
        json!(true),
    ] {
        let body = with(&shop, "expiresIn", value);
        let expected = (400, "INVALID_EXPIRES_IN".to_owned());
        assert_eq!(refused(&shop, &body).await, expected, "{body}");
    }
    for (value, seconds) in [
        (json!(null), 3_600),
        (json!("30m"), 1_800),
        (json!("7d"), 604_800),
    ] {
        let body = with(&shop, "expiresIn", value);
        let data = shop.exchange(&body).await.data();
        let claims = claims(data["token"].as_str().unwrap());
        let number = |name: &str| claims[name].as_i64().unwrap();
        assert_eq!(number("exp") - number("iat"), seconds);
    }
}

#[tokio::test]
async fn contract_046_047_variables_are_checked() {
    let shop = Shop::new().await;
    for field in ["env", "secrets"] {
        for value in [
            json!({"1A": "x"}),
            json!({"A-B": "x"}),
            json!({"": "x"}),
            json!({"A": 1}),
            json!({"A": null}),
            json!({"PATH": "x"}),
            json!({"LD_PRELOAD": "x"}),
            json!({"https_proxy": "x"}),
            json!({"A": "x".repeat(32 * 1024 + 1)}),
            json!([]),
            json!("A=1"),
            json!(7),
        ] {
            let body = with(&shop, field, value);
            let answer = shop.exchange(&body).await;
            assert_eq!(answer.error(), (400, "INVALID_ENV".to_owned()), "{field}");
        }
    }
}

#[tokio::test]
async fn contract_048_049_claims_name_the_tenant_and_no_variable() {
    let shop = Shop::new().await;
    let mut body = shop.request("ana@example.org");
    body["env"] = json!({"TENANT": "value-of-tenant"});
    body["secrets"] = json!({"TOKEN": "value-of-token"});
    let data = shop.exchange(&body).await.data();
    let token = data["token"].as_str().unwrap();
    let claims = claims(token);
    let app = &shop.minted.app;
    assert_eq!(claims["orgId"], app.organization_id.to_string());
    assert_eq!(claims["orgRole"], "end_user");
    assert_eq!(claims["projectId"], app.project_id.to_string());
    assert_eq!(claims["appId"], app.app_id.as_str());
    let text = claims.to_string();
    for hidden in ["TENANT", "TOKEN", "value-of", "env", "secret", "ana@"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    let names: Vec<&String> = claims.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 12, "a closed set: {names:?}");
}

#[tokio::test]
async fn errors_come_in_their_documented_order() {
    let shop = Shop::new().await;
    let mut body = json!({
        "appId": "", "appSecret": "x", "endUserId": " ", "expiresIn": "soon", "env": {"1": "x"},
    });
    for (field, repaired, code) in [
        ("appId", json!("x"), "MISSING_CREDENTIALS"),
        ("endUserId", json!("u"), "MISSING_END_USER_ID"),
        ("expiresIn", json!("1h"), "INVALID_EXPIRES_IN"),
        ("env", json!({}), "INVALID_ENV"),
        ("appId", json!("y"), "INVALID_CREDENTIALS"),
    ] {
        assert_eq!(refused(&shop, &body).await.1, code);
        body[field] = repaired;
    }
    let unsigned = TestServer::builder()
        .script([testkit::Reply::say("x")])
        .without_signing();
    let shop = Shop::of(unsigned.start().await).await;
    assert_eq!(refused(&shop, &body).await.1, "JWT_NOT_CONFIGURED");
    let early = with(&shop, "env", json!([]));
    assert_eq!(refused(&shop, &early).await.1, "INVALID_ENV");
}

#[tokio::test]
async fn the_public_keys_are_published() {
    let shop = Shop::new().await;
    let request = shop
        .server
        .api
        .bare(reqwest::Method::GET, "/.well-known/jwks.json");
    let set = testkit::send(request).await.json();
    let token = shop.token("u1").await;
    let header = token.split('.').next().unwrap();
    let kids: Vec<&str> = set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap())
        .collect();
    assert_eq!(kids.len(), 2, "the one that signs and the next one");
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let header: Value = serde_json::from_slice(&engine.decode(header).unwrap()).unwrap();
    assert!(kids.contains(&header["kid"].as_str().unwrap()));
}
