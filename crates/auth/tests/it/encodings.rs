//! Tokens in other spellings than the one that was minted.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::forgeries::Forger;

#[tokio::test]
async fn a_token_is_encoded_in_one_way() {
    let forger = Forger::new().await;
    let token = forger.token.clone();
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("three parts")
    };
    let raw = URL_SAFE_NO_PAD.decode(signature).unwrap();
    // The last character of 64 bytes carries two loose bits.
    let loose = ['A', 'Q', 'g', 'w'].iter().map(|last| {
        let mut other = signature[..signature.len() - 1].to_owned();
        other.push(char::from(*last as u8 + 1));
        other
    });
    let mut cases = vec![
        (
            "padded",
            format!("{header}.{payload}.{}", URL_SAFE.encode(&raw)),
        ),
        ("padded header", format!("{header}=.{payload}.{signature}")),
        (
            "standard alphabet",
            format!("{header}.{payload}.{}+/", STANDARD_NO_PAD.encode(&raw)),
        ),
        (
            "standard, padded",
            format!("{header}.{payload}.{}", STANDARD.encode(&raw)),
        ),
        ("blank before", format!(" {token}")),
        ("blank behind", format!("{token} ")),
        ("newline", format!("{token}\n")),
        ("blank inside", format!("{header}. {payload}.{signature}")),
        ("NUL", format!("{token}\0")),
        ("one part", header.to_owned()),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{token}.{signature}")),
        ("five parts", format!("{token}.{payload}.{signature}")),
        ("dots", "..".to_owned()),
        ("a dot before", format!(".{token}")),
        ("a dot behind", format!("{token}.")),
        ("empty payload", format!("{header}..{signature}")),
        ("empty header", format!(".{payload}.{signature}")),
        ("swapped", format!("{payload}.{header}.{signature}")),
        ("lower case", token.to_lowercase()),
        ("Bearer", format!("Bearer {token}")),
        (
            "JSON serialization",
            json!({"payload": payload, "protected": header, "signature": signature}).to_string(),
        ),
        ("long", format!("{token}{}", "A".repeat(4_096))),
        ("a megabyte", format!("eyJ{}", "A".repeat(1 << 20))),
        ("only eyJ", "eyJ".to_owned()),
        ("not ASCII", format!("{token}é")),
    ];
    cases.extend(loose.map(|signature| ("loose bits", format!("{header}.{payload}.{signature}"))));
    forger.refuses_all(&cases).await;
}

#[tokio::test]
async fn no_changed_character_goes_unseen() {
    let forger = Forger::new().await;
    for at in 0..forger.token.len() {
        let mut bytes = forger.token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let token = String::from_utf8(bytes).unwrap();
        forger.refuses("changed", &token).await;
        forger.refuses("cut", &forger.token[..at]).await;
    }
}

#[tokio::test]
async fn a_token_of_another_database_is_foreign() {
    let (here, there) = (Forger::new().await, Forger::new().await);
    here.refuses("another server's", &there.token).await;
    // Even where the other's key is called the same: signed by ours, for the other issuer.
    let claims = Value::Object(there.claims()).to_string();
    here.refuses("another issuer's", &here.signed(&here.header(), &claims))
        .await;
}
