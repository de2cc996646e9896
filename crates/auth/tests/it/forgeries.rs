//! Tokens that this server did not make, or not so: each is refused, whatever is right about it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::OsRandom;
use serde_json::{Map, Value, json};
use sha2::Sha256;
use store::SigningKeyState;
use vault::Record;

use crate::support::Fixture;
use crate::tokens::{App, present};

fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// A server, a token of its own, and its signing key: the forger has everything.
pub(crate) struct Forger {
    fixture: Fixture,
    app: App,
    pub(crate) token: String,
    pub(crate) kid: String,
    key: SigningKey,
}

impl Forger {
    pub(crate) async fn new() -> Self {
        Self::at(1_700_000_000_000).await
    }

    /// Whose clock stands at this time.
    pub(crate) async fn at(millis: i64) -> Self {
        let fixture = Fixture::new().await;
        fixture.clock.set(millis);
        let app = App::new(&fixture).await;
        let token = app.token(&fixture, "u1", "1h").await;
        let keys = fixture.store.list_signing_keys().await.unwrap();
        let current = keys
            .into_iter()
            .find(|key| key.state == SigningKeyState::Current);
        let current = current.unwrap();
        let record = Record {
            table: "signing_keys",
            row: &current.kid,
            organization: None,
            version: 1,
        };
        let seed = fixture.vault.open(&record, &current.sealed).unwrap();
        let key = SigningKey::from_bytes(seed.as_slice().try_into().unwrap());
        Self {
            token,
            kid: current.kid.clone(),
            key,
            fixture,
            app,
        }
    }

    pub(crate) fn header(&self) -> String {
        format!(r#"{{"alg":"EdDSA","kid":"{}","typ":"at+jwt"}}"#, self.kid)
    }

    pub(crate) fn claims(&self) -> Map<String, Value> {
        claims_of(&self.token).as_object().unwrap().clone()
    }

    /// Header and payload as given, signed with the server's key.
    pub(crate) fn signed(&self, header: &str, payload: &str) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload)
        );
        let signature = self.key.sign(signed.as_bytes()).to_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(crate) async fn refuses(&self, what: &str, token: &str) {
        assert!(!self.accepts(token).await, "{what}: {token}");
    }

    /// Whether the server does; it refuses in one way only.
    pub(crate) async fn accepts(&self, token: &str) -> bool {
        match present(&self.fixture, token).await {
            Ok(_) => true,
            Err(auth::AuthError::InvalidToken(_)) => false,
            Err(error) => panic!("{error}: {token}"),
        }
    }

    /// What the server publishes about its signing keys.
    pub(crate) async fn public_set(&self) -> Value {
        self.fixture.signing.public_set().await.unwrap()
    }

    pub(crate) async fn refuses_all(&self, cases: &[(&str, String)]) {
        for (what, token) in cases {
            self.refuses(what, token).await;
        }
        // The forger's tools work: what they leave alone is accepted.
        let untouched = Value::Object(self.claims()).to_string();
        let untouched = self.signed(&self.header(), &untouched);
        assert_eq!(untouched, self.token);
        assert!(present(&self.fixture, &untouched).await.is_ok());
    }
}

/// Headers that are not the one that was minted; `KID` is the name of the key that signs.
const HEADERS: &[(&str, &str)] = &[
    ("alg none", r#"{"alg":"none","kid":"KID","typ":"at+jwt"}"#),
    ("alg None", r#"{"alg":"None","kid":"KID","typ":"at+jwt"}"#),
    ("alg HS256", r#"{"alg":"HS256","kid":"KID","typ":"at+jwt"}"#),
    ("alg RS256", r#"{"alg":"RS256","kid":"KID","typ":"at+jwt"}"#),
    ("alg ES256", r#"{"alg":"ES256","kid":"KID","typ":"at+jwt"}"#),
    (
        "alg Ed25519",
        r#"{"alg":"Ed25519","kid":"KID","typ":"at+jwt"}"#,
    ),
    ("alg eddsa", r#"{"alg":"eddsa","kid":"KID","typ":"at+jwt"}"#),
    (
        "alg twice",
        r#"{"alg":"EdDSA","alg":"EdDSA","kid":"KID","typ":"at+jwt"}"#,
    ),
    ("no alg", r#"{"kid":"KID","typ":"at+jwt"}"#),
    ("typ JWT", r#"{"alg":"EdDSA","kid":"KID","typ":"JWT"}"#),
    ("no typ", r#"{"alg":"EdDSA","kid":"KID"}"#),
    ("order", r#"{"typ":"at+jwt","alg":"EdDSA","kid":"KID"}"#),
    ("blanks", r#"{ "alg":"EdDSA","kid":"KID","typ":"at+jwt"}"#),
    (
        "newline",
        "{\"alg\":\"EdDSA\",\"kid\":\"KID\",\"typ\":\"at+jwt\"}\n",
    ),
    ("no kid", r#"{"alg":"EdDSA","typ":"at+jwt"}"#),
    (
        "kid unknown",
        r#"{"alg":"EdDSA","kid":"0000000000000000","typ":"at+jwt"}"#,
    ),
    (
        "kid path",
        r#"{"alg":"EdDSA","kid":"../../dev/null","typ":"at+jwt"}"#,
    ),
    (
        "kid SQL",
        r#"{"alg":"EdDSA","kid":"' OR '1'='1","typ":"at+jwt"}"#,
    ),
    ("kid number", r#"{"alg":"EdDSA","kid":1,"typ":"at+jwt"}"#),
    (
        "kid longer",
        r#"{"alg":"EdDSA","kid":"KIDA","typ":"at+jwt"}"#,
    ),
    (
        "crit",
        r#"{"alg":"EdDSA","kid":"KID","typ":"at+jwt","crit":["exp"]}"#,
    ),
    (
        "b64",
        r#"{"alg":"EdDSA","kid":"KID","typ":"at+jwt","b64":false,"crit":["b64"]}"#,
    ),
    (
        "jku",
        r#"{"alg":"EdDSA","kid":"KID","typ":"at+jwt","jku":"https://evil.test/jwks"}"#,
    ),
    (
        "x5u",
        r#"{"alg":"EdDSA","kid":"KID","typ":"at+jwt","x5u":"https://evil.test"}"#,
    ),
    (
        "zip",
        r#"{"alg":"EdDSA","kid":"KID","typ":"at+jwt","zip":"DEF"}"#,
    ),
    (
        "cty",
        r#"{"alg":"EdDSA","kid":"KID","typ":"at+jwt","cty":"JWT"}"#,
    ),
    ("array", r#"[{"alg":"EdDSA","kid":"KID","typ":"at+jwt"}]"#),
    ("text", r#""EdDSA""#),
    ("empty", ""),
    ("null", "null"),
];

#[tokio::test]
async fn contract_026_headers_are_not_negotiated() {
    let forger = Forger::new().await;
    let payload = Value::Object(forger.claims()).to_string();
    let cases: Vec<_> = HEADERS
        .iter()
        .map(|(what, header)| {
            let header = header.replace("KID", &forger.kid);
            (*what, forger.signed(&header, &payload))
        })
        .collect();
    forger.refuses_all(&cases).await;
}

#[tokio::test]
async fn contract_024_other_keys_sign_nothing() {
    let forger = Forger::new().await;
    let (signed, signature) = forger.token.rsplit_once('.').unwrap();
    let own = SigningKey::from_bytes(&[9; 32]);
    let by =
        |key: &SigningKey, text: &str| URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()).to_bytes());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(own.verifying_key().as_bytes())});
    let with_jwk =
        json!({"alg": "EdDSA", "kid": forger.kid, "typ": "at+jwt", "jwk": jwk}).to_string();
    let payload = Value::Object(forger.claims()).to_string();
    let with_jwk = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(with_jwk),
        URL_SAFE_NO_PAD.encode(payload)
    );
    // The public key as the secret of a MAC.
    let mut mac = Hmac::<Sha256>::new_from_slice(forger.key.verifying_key().as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    let mac = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    let mut cut = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let malleated = URL_SAFE_NO_PAD.encode(plus_order(&cut));
    cut.pop();
    let cases = [
        ("another key", format!("{signed}.{}", by(&own, signed))),
        (
            "embedded key",
            format!("{with_jwk}.{}", by(&own, &with_jwk)),
        ),
        ("no signature", format!("{signed}.")),
        (
            "zeros",
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
        ),
        (
            "short",
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&cut)),
        ),
        ("long", format!("{signed}.{signature}AA")),
        ("a MAC", format!("{signed}.{mac}")),
        ("s + L", format!("{signed}.{malleated}")),
        (
            "of other text",
            format!("{signed}.{}", by(&forger.key, "x")),
        ),
        ("of the payload", {
            let payload = signed.split('.').nth(1).unwrap();
            format!("{signed}.{}", by(&forger.key, payload))
        }),
    ];
    forger.refuses_all(&cases).await;
}

/// A signature whose scalar is one group order larger: the same equation, another spelling.
fn plus_order(signature: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut out = signature.to_vec();
    let mut carry = 0;
    for (byte, order) in out[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    out
}

/// Claims that are not the minted ones: name, value as JSON, and what is wrong. `IAT` and `EXP` are
/// the minted times, `SOMEBODY` and `SESSION` another end user and their session, `FRESH` an id
/// that nobody has, `SUB` the bearer, `ISS` the issuer, `APP` another app.
const CLAIMS: &[(&str, &str, &str)] = &[
    ("exp", "IAT", "expired"),
    ("exp", "IAT-1", "expired before it was made"),
    ("exp", "0", "zero"),
    ("exp", "-1", "negative"),
    ("exp", "EXP+1", "one second more"),
    ("exp", "EXP000", "milliseconds"),
    ("exp", "EXP.5", "fractional"),
    ("exp", "EXP.0", "a whole fraction"),
    ("exp", "\"EXP\"", "a text"),
    ("exp", "9223372036854775807", "largest"),
    ("exp", "18446744073709551615", "larger than that"),
    ("exp", "1e300", "an exponent"),
    ("exp", "[EXP]", "a list"),
    ("exp", "null", "null"),
    ("exp", "true", "true"),
    ("nbf", "IAT+3600", "not yet"),
    ("nbf", "IAT", "another beginning"),
    ("nbf", "null", "null"),
    ("iat", "IAT+10", "later"),
    ("iat", "IAT-10", "earlier"),
    ("iat", "\"IAT\"", "a text"),
    ("iss", "\"https://evil.test\"", "another issuer"),
    ("iss", "[\"ISS\"]", "a list"),
    ("iss", "\"\"", "empty"),
    ("aud", "\"other\"", "another audience"),
    ("aud", "[\"sigmic\"]", "a list"),
    ("aud", "null", "null"),
    ("sub", "\"\"", "empty"),
    ("sub", "\"FRESH\"", "somebody unknown"),
    ("sub", "\"SOMEBODY\"", "somebody else"),
    ("sub", "\"{SUB}\"", "braces"),
    ("sub", "\"urn:uuid:SUB\"", "a name of another form"),
    ("sid", "\"FRESH\"", "an unknown session"),
    ("sid", "\"SESSION\"", "somebody else's session"),
    ("sid", "\"' OR '1'='1\"", "SQL"),
    ("orgId", "\"FRESH\"", "another organization"),
    ("orgRole", "\"owner\"", "owner"),
    ("orgRole", "\"admin\"", "admin"),
    ("orgRole", "\"END_USER\"", "upper case"),
    ("orgRole", "[\"end_user\"]", "a list"),
    ("projectId", "\"FRESH\"", "another project"),
    ("appId", "\"APP\"", "another app"),
    ("appId", "\"app_x\"", "no app"),
    ("jti", "null", "null"),
    ("jti", "1", "a number"),
    ("jti", "\"FRESH\"", "another session's"),
    ("admin", "true", "one more"),
    ("env", "{\"A\":\"b\"}", "variables"),
    ("secrets", "{\"A\":\"b\"}", "secrets"),
    ("scope", "\"tasks:write\"", "a scope"),
    ("cnf", "{\"jkt\":\"x\"}", "a key to confirm"),
    ("__proto__", "{}", "a prototype"),
    ("", "1", "no name"),
];

/// A value of the table, filled in.
fn filled(forger: &Forger, value: &str, theirs: &Value, app: &str) -> String {
    let claims = forger.claims();
    let text = |claims: &Value, name: &str| claims[name].as_str().unwrap().to_owned();
    let own = Value::Object(claims);
    let (iat, exp) = (own["iat"].as_i64().unwrap(), own["exp"].as_i64().unwrap());
    let fresh = model::EndUserId::generate(&OsRandom).to_string();
    value
        .replace("IAT+3600", &(iat + 3_600).to_string())
        .replace("IAT+10", &(iat + 10).to_string())
        .replace("IAT-10", &(iat - 10).to_string())
        .replace("IAT-1", &(iat - 1).to_string())
        .replace("EXP+1", &(exp + 1).to_string())
        .replace("IAT", &iat.to_string())
        .replace("EXP", &exp.to_string())
        .replace("FRESH", &fresh)
        .replace("SOMEBODY", &text(theirs, "sub"))
        .replace("SESSION", &text(theirs, "sid"))
        .replace("SUB", &text(&own, "sub"))
        .replace("ISS", &text(&own, "iss"))
        .replace("APP", app)
}

/// The true claims with one value changed or added, spelled as the server does.
fn changed(forger: &Forger, name: &str, value: &str) -> String {
    let mut claims = forger.claims();
    claims.insert(name.to_owned(), json!("@"));
    Value::Object(claims).to_string().replace("\"@\"", value)
}

#[tokio::test]
async fn claims_are_a_closed_set_with_one_value_each() {
    let forger = Forger::new().await;
    let other = App::new(&forger.fixture).await;
    let theirs = forger.app.token(&forger.fixture, "u2", "1h").await;
    let theirs = claims_of(&theirs);
    let case = |(name, value, what): &(&str, &str, &'static str)| {
        let value = filled(&forger, value, &theirs, other.app.app_id.as_str());
        let payload = changed(&forger, name, &value);
        (*what, forger.signed(&forger.header(), &payload))
    };
    let cases: Vec<(&str, String)> = CLAIMS.iter().map(case).collect();
    forger.refuses_all(&cases).await;
    let claims = forger.claims();
    for name in claims.keys() {
        let mut fewer = claims.clone();
        fewer.remove(name);
        let token = forger.signed(&forger.header(), &Value::Object(fewer).to_string());
        forger.refuses(name, &token).await;
        let upper = Value::Object(claims.clone()).to_string();
        let upper = upper.replace(
            &format!("\"{name}\""),
            &format!("\"{}\"", name.to_uppercase()),
        );
        let token = forger.signed(&forger.header(), &upper);
        forger.refuses(name, &token).await;
    }
}

#[tokio::test]
async fn claims_have_one_spelling() {
    let forger = Forger::new().await;
    let payload = Value::Object(forger.claims()).to_string();
    let reversed: Map<String, Value> = forger.claims().into_iter().rev().collect();
    let once_more = |name: &str| {
        let value = &forger.claims()[name];
        payload.replacen('{', &format!("{{\"{name}\":{value},"), 1)
    };
    let texts = [
        ("order", Value::Object(reversed).to_string()),
        ("blanks", payload.replace(':', ": ")),
        ("a blank behind", format!("{payload} ")),
        ("a blank before", format!(" {payload}")),
        ("a byte order mark", format!("\u{feff}{payload}")),
        ("exp twice", once_more("exp")),
        ("sub twice", once_more("sub")),
        ("iss twice", once_more("iss")),
        ("orgRole twice", once_more("orgRole")),
        (
            "an escaped name",
            payload.replace("\"sub\"", "\"s\\u0075b\""),
        ),
        (
            "an escaped value",
            payload.replace("\"sigmic\"", "\"\\u0073igmic\""),
        ),
        (
            "an exponent",
            payload.replace("\"iat\":17", "\"iat\":0.17e2"),
        ),
        ("a plus", payload.replace("\"iat\":", "\"iat\":+")),
        ("a leading zero", payload.replace("\"iat\":", "\"iat\":0")),
        ("a comment", payload.replace('{', "{/**/")),
        ("a trailing comma", payload.replace('}', ",}")),
        ("a list", format!("[{payload}]")),
        ("a text", Value::String(payload.clone()).to_string()),
        ("nested", json!({"claims": forger.claims()}).to_string()),
        ("a token inside", forger.token.clone()),
        ("null", "null".to_owned()),
        ("a number", "1".to_owned()),
        ("nothing", String::new()),
        ("an empty object", "{}".to_owned()),
        ("two objects", format!("{payload}{payload}")),
        ("cut off", payload[..payload.len() - 1].to_owned()),
        ("a NUL", format!("{payload}\0")),
        ("deep", "[".repeat(2_000)),
    ];
    let cases: Vec<_> = texts
        .iter()
        .map(|(what, text)| (*what, forger.signed(&forger.header(), text)))
        .collect();
    forger.refuses_all(&cases).await;
}
