//! Tokens that the server did not make, or not so, as one forges them who holds a good token and
//! the public keys.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::{OsRandom, Random as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// The parts of a token.
struct Parts<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

fn parts(token: &str) -> Option<Parts<'_>> {
    let mut parts = token.split('.');
    Some(Parts {
        header: parts.next()?,
        payload: parts.next()?,
        signature: parts.next()?,
    })
}

fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn decoded(part: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Headers that ask the server to check otherwise; `KID` is the key that signed.
#[rustfmt::skip]
const HEADERS: &[&str] = &[
    r#"{"alg":"none"}"#,
    r#"{"alg":"none","kid":"KID","typ":"at+jwt"}"#,
    r#"{"alg":"None","kid":"KID","typ":"at+jwt"}"#,
    r#"{"alg":"NONE","kid":"KID","typ":"at+jwt"}"#,
    r#"{"alg":"HS256","kid":"KID","typ":"at+jwt"}"#,
    r#"{"alg":"RS256","kid":"KID","typ":"at+jwt"}"#,
    r#"{"alg":"ES256","kid":"KID","typ":"at+jwt"}"#,
    r#"{"alg":"PS256","kid":"KID","typ":"at+jwt"}"#,
    r#"{"alg":"Ed25519","kid":"KID","typ":"at+jwt"}"#,
    r#"{"alg":"EdDSA","kid":"KID","typ":"JWT"}"#,
    r#"{"alg":"EdDSA","kid":"KID"}"#,
    r#"{"alg":"EdDSA","typ":"at+jwt"}"#,
    r#"{"alg":"EdDSA","kid":"","typ":"at+jwt"}"#,
    r#"{"alg":"EdDSA","kid":"../../dev/null","typ":"at+jwt"}"#,
    r#"{"alg":"EdDSA","kid":"/etc/passwd","typ":"at+jwt"}"#,
    r#"{"alg":"EdDSA","kid":"' UNION SELECT 'a' --","typ":"at+jwt"}"#,
    r#"{"alg":"EdDSA","kid":"| /bin/id","typ":"at+jwt"}"#,
    r#"{"alg":"EdDSA","kid":["KID"],"typ":"at+jwt"}"#,
    r#"{"alg":"EdDSA","kid":"KID","typ":"at+jwt","crit":["exp"]}"#,
    r#"{"alg":"EdDSA","kid":"KID","typ":"at+jwt","crit":["b64"],"b64":false}"#,
    r#"{"alg":"EdDSA","kid":"KID","typ":"at+jwt","zip":"DEF"}"#,
    r#"{"alg":"EdDSA","kid":"KID","typ":"at+jwt","cty":"JWT"}"#,
    r#"{"alg":"EdDSA","kid":"KID","typ":"at+jwt","jku":"https://evil.test/jwks.json"}"#,
    r#"{"alg":"EdDSA","kid":"KID","typ":"at+jwt","x5u":"https://evil.test/cert.pem"}"#,
    r#"{"alg":"EdDSA","alg":"none","kid":"KID","typ":"at+jwt"}"#,
    r#"{"typ":"at+jwt","kid":"KID","alg":"EdDSA"}"#,
    r#"{ "alg":"EdDSA","kid":"KID","typ":"at+jwt"}"#,
    r#"{}"#,
    r#"[]"#,
    r#"null"#,
];

/// Claims that would reach further, or longer.
#[rustfmt::skip]
const CLAIMS: &[(&str, &str)] = &[
    ("exp", "99999999999"), ("exp", "null"), ("exp", "\"never\""), ("exp", "-1"), ("exp", "1e300"),
    ("nbf", "0"), ("iat", "0"), ("iss", "\"https://evil.test\""), ("iss", "[]"), ("aud", "\"other\""),
    ("aud", "[\"sigmic\"]"), ("sub", "\"admin\""), ("sub", "\"\""), ("sub", "\"' OR '1'='1\""),
    ("sid", "\"00000000-0000-4000-8000-000000000000\""), ("sid", "null"), ("orgRole", "\"owner\""),
    ("orgRole", "\"admin\""), ("orgRole", "[\"end_user\",\"owner\"]"), ("orgId", "\"*\""),
    ("projectId", "\"*\""), ("projectId", "\"00000000-0000-4000-8000-000000000000\""),
    ("appId", "\"app_x\""), ("jti", "null"), ("scope", "\"admin\""), ("admin", "true"),
    ("__proto__", "{\"orgRole\":\"owner\"}"),
];

/// Everything to be refused, with its name. `other` is a good token of another end user.
pub(super) fn forgeries(token: &str, other: &str, jwks: &Value) -> Vec<(String, String)> {
    let (Some(own), Some(theirs)) = (parts(token), parts(other)) else {
        return Vec::new();
    };
    let mut cases = headers(&own, jwks);
    cases.extend(claims(&own));
    cases.extend(mixtures(&own, &theirs));
    cases.extend(spellings(token, &own));
    cases
}

/// A key pair of the forger's.
fn own_key() -> SigningKey {
    let mut seed = [0; 32];
    OsRandom.fill(&mut seed);
    SigningKey::from_bytes(&seed)
}

fn signed(key: &SigningKey, header: &str, payload: &str) -> String {
    let text = format!("{header}.{payload}");
    let signature = key.sign(text.as_bytes()).to_bytes();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn headers(own: &Parts<'_>, jwks: &Value) -> Vec<(String, String)> {
    let kid = decoded(own.header)["kid"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let key = own_key();
    let mut cases = Vec::new();
    for header in HEADERS {
        let part = encoded(&header.replace("KID", &kid));
        let bare = format!("{part}.{}.", own.payload);
        cases.push((format!("header {header}, no signature"), bare));
        let kept = format!("{part}.{}.{}", own.payload, own.signature);
        cases.push((format!("header {header}, the old signature"), kept));
        let forged = signed(&key, &part, own.payload);
        cases.push((format!("header {header}, another key"), forged));
    }
    // Another key under the right name, and one that comes along.
    let forged = signed(&key, own.header, own.payload);
    cases.push(("the right header, another key".to_owned(), forged));
    let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    let header = json!({"alg": "EdDSA", "kid": kid, "typ": "at+jwt", "jwk": jwk}).to_string();
    let forged = signed(&key, &encoded(&header), own.payload);
    cases.push(("a key in the header".to_owned(), forged));
    cases.extend(macs(own, &kid, jwks));
    cases
}

/// The public keys as secrets of a MAC, in the forms that a confused program would use.
fn macs(own: &Parts<'_>, kid: &str, jwks: &Value) -> Vec<(String, String)> {
    let header = json!({"alg": "HS256", "kid": kid, "typ": "at+jwt"}).to_string();
    let text = format!("{}.{}", encoded(&header), own.payload);
    let keys = jwks["keys"].as_array().cloned().unwrap_or_default();
    let secrets = keys.iter().flat_map(|key| {
        let x = key["x"].as_str().unwrap_or_default().to_owned();
        let bytes = URL_SAFE_NO_PAD.decode(&x).unwrap_or_default();
        [bytes, x.into_bytes(), key.to_string().into_bytes()]
    });
    let macs = secrets.filter_map(|secret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).ok()?;
        mac.update(text.as_bytes());
        let mac = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        Some((
            "a public key as a secret".to_owned(),
            format!("{text}.{mac}"),
        ))
    });
    macs.collect()
}

fn claims(own: &Parts<'_>) -> Vec<(String, String)> {
    let Value::Object(good) = decoded(own.payload) else {
        return Vec::new();
    };
    let key = own_key();
    let mut cases = Vec::new();
    for (name, value) in CLAIMS {
        let mut claims = good.clone();
        claims.insert(
            (*name).to_owned(),
            serde_json::from_str(value).unwrap_or_default(),
        );
        let payload = encoded(&Value::Object(claims).to_string());
        let kept = format!("{}.{payload}.{}", own.header, own.signature);
        cases.push((format!("{name} {value}, the old signature"), kept));
        let forged = signed(&key, own.header, &payload);
        cases.push((format!("{name} {value}, another key"), forged));
    }
    for name in good.keys() {
        let mut fewer = good.clone();
        fewer.remove(name);
        let payload = encoded(&Value::Object(fewer).to_string());
        let kept = format!("{}.{payload}.{}", own.header, own.signature);
        cases.push((format!("no {name}, the old signature"), kept));
    }
    cases
}

/// Parts of two good tokens.
fn mixtures(own: &Parts<'_>, theirs: &Parts<'_>) -> Vec<(String, String)> {
    let case = |name: &str, token: String| (name.to_owned(), token);
    vec![
        case(
            "another's payload",
            format!("{}.{}.{}", own.header, theirs.payload, own.signature),
        ),
        case(
            "another's signature",
            format!("{}.{}.{}", own.header, own.payload, theirs.signature),
        ),
    ]
}

/// The same token, spelled otherwise or cut.
fn spellings(token: &str, own: &Parts<'_>) -> Vec<(String, String)> {
    let case = |name: &str, token: String| (name.to_owned(), token);
    let flipped = |part: &str| {
        let other = if part.ends_with('A') { "B" } else { "A" };
        format!("{}{other}", &part[..part.len() - 1])
    };
    let padded = |part: &str| URL_SAFE.encode(URL_SAFE_NO_PAD.decode(part).unwrap_or_default());
    let standard = |part: &str| STANDARD.encode(URL_SAFE_NO_PAD.decode(part).unwrap_or_default());
    let (header, payload, signature) = (own.header, own.payload, own.signature);
    vec![
        case("two parts", format!("{header}.{payload}")),
        case("one part", header.to_owned()),
        case("four parts", format!("{token}.{signature}")),
        case("five parts", format!("{token}.{payload}.{signature}")),
        case("an empty signature", format!("{header}.{payload}.")),
        case("an empty payload", format!("{header}..{signature}")),
        case("zeros for a signature", {
            let zeros = URL_SAFE_NO_PAD.encode([0; 64]);
            format!("{header}.{payload}.{zeros}")
        }),
        case("a longer signature", format!("{token}AA")),
        case("a shorter signature", token[..token.len() - 2].to_owned()),
        case("another last character", flipped(token)),
        case("another payload character", {
            format!("{header}.{}.{signature}", flipped(payload))
        }),
        case(
            "padding",
            format!("{header}.{payload}.{}", padded(signature)),
        ),
        case("the other alphabet", {
            format!(
                "{header}.{payload}.{}=",
                standard(signature).trim_end_matches('=')
            )
        }),
        case("a blank inside", format!("{header}.{payload} .{signature}")),
        case("a token in a token", {
            signed(&own_key(), header, &encoded(token))
        }),
        case(
            "4,097 bytes",
            format!(
                "{token}{}",
                "A".repeat(4_097_usize.saturating_sub(token.len()))
            ),
        ),
        case("20,000 bytes", format!("eyJ{}", "A".repeat(20_000))),
    ]
}
