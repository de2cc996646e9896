use CredentialError::{InvalidApiKey, InvalidFormat};
use model::OsRandom;
use proptest::prelude::*;

use super::*;

/// What the table's texts stand for.
struct Texts {
    key: PlainKey,
    other: PlainKey,
}

/// `KEY`, `OTHER`, `BROKEN` (a digit of `KEY` changed) and `SHORT` (one digit less) in a header's
/// value.
fn fill(value: &str, texts: &Texts) -> Vec<u8> {
    let key = texts.key.expose_key();
    let last = if key.ends_with('0') { "1" } else { "0" };
    let broken = format!("{}{last}", &key[..70]);
    value
        .replace("KEY", key)
        .replace("OTHER", texts.other.expose_key())
        .replace("BROKEN", &broken)
        .replace("SHORT", &key[..70])
        .into_bytes()
}

/// What is expected.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    Nothing,
    Key,
    Token(&'static str),
    Refused(CredentialError),
}

use Wanted::{Key, Nothing, Refused, Token};

const CASES: &[(&[&str], &[&str], Wanted)] = &[
    // No credential.
    (&[], &[], Nothing),
    (&[""], &[], Nothing),
    (&["   "], &[], Nothing),
    (&["Bearer"], &[], Nothing),
    (&["Bearer "], &[], Nothing),
    (&["bearer    "], &[], Nothing),
    (&[], &[""], Nothing),
    (&[""], &["  "], Nothing),
    // One credential.
    (&["Bearer KEY"], &[], Key),
    (&["bearer KEY"], &[], Key),
    (&["BEARER KEY"], &[], Key),
    (&["Bearer    KEY  "], &[], Key),
    (&["  Bearer KEY"], &[], Key),
    (&[], &["KEY"], Key),
    (&[], &["  KEY "], Key),
    (&["Bearer eyJhbGci.e.s"], &[], Token("eyJhbGci.e.s")),
    (&[], &["eyJhbGci.e.s"], Token("eyJhbGci.e.s")),
    (&["Bearer eyJ"], &[], Token("eyJ")),
    // An empty Authorization counts as absent.
    (&[""], &["KEY"], Key),
    (&["Bearer"], &["KEY"], Key),
    (&["Bearer  "], &["KEY"], Key),
    // The same credential twice.
    (&["Bearer KEY"], &["KEY"], Key),
    (&["Bearer KEY"], &[" KEY "], Key),
    (&["Bearer eyJa"], &["eyJa"], Token("eyJa")),
    (&["Bearer KEY"], &["OTHER"], Refused(InvalidFormat)),
    (&["Bearer KEY"], &["hello"], Refused(InvalidFormat)),
    (&["Bearer KEY"], &[""], Refused(InvalidFormat)),
    (&["Bearer KEY"], &["eyJa"], Refused(InvalidFormat)),
    (&["Bearer eyJa"], &["KEY"], Refused(InvalidFormat)),
    // A refused bearer never falls back.
    (&["Bearer hello"], &["KEY"], Refused(InvalidFormat)),
    (&["Bearer BROKEN"], &["KEY"], Refused(InvalidFormat)),
    // Another scheme.
    (&["Basic dTpw"], &[], Refused(InvalidFormat)),
    (&["Basic"], &[], Refused(InvalidFormat)),
    (&["Basic dTpw"], &["KEY"], Key),
    (&["Basic dTpw"], &["eyJa"], Token("eyJa")),
    (&["Basic dTpw"], &[""], Refused(InvalidFormat)),
    (&["Basic dTpw"], &["hello"], Refused(InvalidFormat)),
    (&["KEY"], &[], Refused(InvalidFormat)),
    (&["BearerKEY"], &[], Refused(InvalidFormat)),
    (&["Token KEY"], &[], Refused(InvalidFormat)),
    // Ambiguous: also when both say the same, or one says nothing.
    (&["Bearer KEY", "Bearer KEY"], &[], Refused(InvalidFormat)),
    (&["Bearer KEY", ""], &[], Refused(InvalidFormat)),
    (&["", ""], &["KEY"], Refused(InvalidFormat)),
    (&["Basic dTpw", "Bearer KEY"], &[], Refused(InvalidFormat)),
    (&[], &["KEY", "KEY"], Refused(InvalidFormat)),
    (&["Bearer KEY"], &["KEY", "KEY"], Refused(InvalidFormat)),
    (&["Bearer KEY, Bearer KEY"], &[], Refused(InvalidFormat)),
    (&["Bearer KEY,"], &[], Refused(InvalidFormat)),
    (&[","], &["KEY"], Refused(InvalidFormat)),
    (&["Basic a, Bearer KEY"], &["KEY"], Refused(InvalidFormat)),
    (&[], &["KEY,KEY"], Refused(InvalidFormat)),
    // Unknown shapes.
    (&["Bearer hello"], &[], Refused(InvalidFormat)),
    (&[], &["hello"], Refused(InvalidFormat)),
    (&["Bearer Sigmic_00"], &[], Refused(InvalidFormat)),
    (&["Bearer EYJa"], &[], Refused(InvalidFormat)),
    (&["Bearer sigmi"], &[], Refused(InvalidFormat)),
    // Malformed keys.
    (&["Bearer sigmic_"], &[], Refused(InvalidApiKey)),
    (&["Bearer SHORT"], &[], Refused(InvalidApiKey)),
    (&["Bearer BROKEN"], &[], Refused(InvalidApiKey)),
    (&["Bearer KEY0"], &[], Refused(InvalidApiKey)),
    (&["Bearer KEY KEY"], &[], Refused(InvalidApiKey)),
    (&[], &["SHORT"], Refused(InvalidApiKey)),
    (&["Basic dTpw"], &["BROKEN"], Refused(InvalidApiKey)),
    // Bytes that no credential has.
    (&["Bearer\tKEY"], &[], Refused(InvalidFormat)),
    (&["Bearer KEY\t"], &[], Refused(InvalidFormat)),
    (&["Bearer KEYé"], &[], Refused(InvalidFormat)),
    (&["Bearer eyJé"], &[], Refused(InvalidFormat)),
    (&["Bearer \u{a0}KEY"], &[], Refused(InvalidFormat)),
    (&["é"], &["KEY"], Refused(InvalidFormat)),
    (&[], &["KEY\u{7f}"], Refused(InvalidFormat)),
    (&[], &["\0"], Refused(InvalidFormat)),
];

#[test]
fn every_case_of_the_table() {
    let texts = Texts {
        key: PlainKey::mint(&OsRandom),
        other: PlainKey::mint(&OsRandom),
    };
    for (authorization, x_api_key, wanted) in CASES {
        let header = |values: &[&str]| -> Vec<Vec<u8>> {
            values.iter().map(|value| fill(value, &texts)).collect()
        };
        let (first, second) = (header(authorization), header(x_api_key));
        let first: Vec<&[u8]> = first.iter().map(Vec::as_slice).collect();
        let second: Vec<&[u8]> = second.iter().map(Vec::as_slice).collect();
        let wanted = match wanted {
            Nothing => Ok(None),
            Key => Ok(Some(Credential::ApiKey(texts.key.clone()))),
            Token(token) => Ok(Some(Credential::Token(Secret::new((*token).to_owned())))),
            Refused(error) => Err(*error),
        };
        let read = read_credential(&first, &second);
        assert_eq!(read, wanted, "{authorization:?} {x_api_key:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let read = read_credential(&[b"Bearer \xff\xfe"], &[]);
    assert_eq!(read, Err(InvalidFormat));
}

proptest! {
    #[test]
    fn no_header_makes_it_panic(
        authorization in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..3),
        x_api_key in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..3),
    ) {
        let first: Vec<&[u8]> = authorization.iter().map(Vec::as_slice).collect();
        let second: Vec<&[u8]> = x_api_key.iter().map(Vec::as_slice).collect();
        let read = read_credential(&first, &second);
        // Chance makes no key with a right checksum.
        prop_assert!(!matches!(read, Ok(Some(Credential::ApiKey(_)))));
    }
}
