//! What reads a stranger's text: any text is read or refused, what was read is written in one way,
//! and what is written so is read as the same.

use auth::{
    Credential, CredentialError, EndUserName, Origin, OriginPattern, OriginRules, PlainAppSecret,
    PlainKey, PlainToken, RequestOrigin, TokenLifetime, find_leaks, read_credential,
};
use model::Random;
use proptest::collection::vec;
use proptest::prelude::*;

/// Bytes that a case chose.
#[derive(Debug)]
struct Chosen([u8; 32]);

impl Random for Chosen {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.0[..buffer.len()]);
    }
}

/// What these parsers look for.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "sigmic_", "sas_", "eyJ", "Bearer", "bearer ", " ", ",", "https", "http", "capacitor", ":", "//",
    "://", "/", "*", "*.", ".", "a", "A", "example", "com", "xn--", "xn--bcher-kva", "\u{fc}", "\u{df}",
    "\u{3002}", "%2e", "%41", "@", "[", "::1", "]", "127.0.0.1", "0x7f.1", ":443", ":80", ":8080", ":0",
    ":65536", "?", "#", "\\", "\t", "\n", "\0", "0", "1", "60", "30", "s", "m", "h", "d", "-", "+",
];

/// Texts made of that, and some of anything.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        9 => proptest::sample::select(PIECES).prop_map(str::to_owned),
        1 => "\\PC{0,8}",
        1 => "[0-9a-f]{1,64}",
    ];
    vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

/// Origins as pages have them, and patterns of them.
fn origins() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        4 => "[a-zA-Z][a-z0-9-]{0,6}[a-z0-9](\\.[a-z]{2,5}){1,3}",
        1 => "[0-9]{1,3}(\\.[0-9]{1,3}){3}",
        1 => "\\[::[0-9a-f]{1,4}\\]",
        1 => "localhost",
        1 => "[\u{e0}-\u{ff}]{1,5}\\.example",
    ];
    let port = prop_oneof![
        Just(String::new()),
        (1_u16..).prop_map(|port| format!(":{port}"))
    ];
    let scheme =
        proptest::sample::select(&["https", "http", "HTTPS", "capacitor", "chrome-extension"]);
    (scheme, any::<bool>(), host, port).prop_map(|(scheme, below, host, port)| {
        let star = if below { "*." } else { "" };
        format!("{scheme}://{star}{host}{port}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_minted_secret_is_read_as_itself_and_changed_as_none(
        bytes in any::<[u8; 32]>(),
        at in any::<proptest::sample::Index>(),
        other in "[0-9a-zA-Z_]",
    ) {
        let (key, app) = (PlainKey::mint(&Chosen(bytes)), PlainAppSecret::mint(&Chosen(bytes)));
        prop_assert_eq!(PlainKey::parse(key.expose_key()), Ok(key.clone()));
        prop_assert_eq!(PlainAppSecret::parse(app.expose_app_secret()), Some(app.clone()));
        prop_assert!(PlainKey::parse(app.expose_app_secret()).is_err());
        let session = PlainToken::mint(&Chosen(bytes));
        prop_assert_eq!(PlainToken::parse(session.expose_token()), Some(session.clone()));
        let changed = |text: &str| {
            let at = at.index(text.len());
            format!("{}{other}{}", &text[..at], &text[at + 1..])
        };
        let (key, app) = (key.expose_key(), app.expose_app_secret());
        prop_assert_eq!(PlainKey::parse(&changed(key)).is_ok(), changed(key) == key);
        prop_assert_eq!(PlainAppSecret::parse(&changed(app)).is_some(), changed(app) == app);
    }

    #[test]
    fn secrets_of_any_other_text_are_none(text in texts()) {
        // A made-up one has the right checksum once in four thousand million times.
        prop_assert!(PlainKey::parse(&text).is_err());
        prop_assert!(PlainAppSecret::parse(&text).is_none());
        prop_assert!(find_leaks(&mut text.as_bytes()).unwrap().is_empty());
        if let Some(session) = PlainToken::parse(&text) {
            prop_assert_eq!(session.expose_token(), text);
        }
    }

    #[test]
    fn any_headers_are_read_or_refused(
        authorization in vec(texts(), 0..3),
        api_key in vec(texts(), 0..3),
    ) {
        let one: Vec<&[u8]> = authorization.iter().map(String::as_bytes).collect();
        let other: Vec<&[u8]> = api_key.iter().map(String::as_bytes).collect();
        match read_credential(&one, &other) {
            Ok(Some(Credential::Token(token))) => {
                // It stood whole in one header, and in no other header stood anything else.
                let token = token.expose_secret();
                prop_assert!(token.starts_with("eyJ"));
                prop_assert!(one.len() <= 1 && other.len() <= 1);
                let stands = |values: &[&[u8]]| {
                    values.iter().any(|value| {
                        std::str::from_utf8(value).unwrap().trim_end_matches(' ').ends_with(token)
                    })
                };
                prop_assert!(stands(&one) || stands(&other));
            }
            Ok(Some(Credential::ApiKey(_))) => prop_assert!(false, "a made-up key"),
            Ok(Some(Credential::Session(_))) => prop_assert!(false, "no header holds a cookie's"),
            Ok(None) => prop_assert!(one.len() <= 1 && other.len() <= 1),
            Err(CredentialError::InvalidFormat | CredentialError::InvalidApiKey) => {}
        }
    }

    #[test]
    fn a_credential_is_read_wherever_it_may_stand(
        bytes in any::<[u8; 32]>(),
        scheme in "[Bb][Ee][Aa][Rr][Ee][Rr] {1,3}",
        blanks in " {0,3}",
    ) {
        let key = PlainKey::mint(&Chosen(bytes));
        let bearer = format!("{blanks}{scheme}{}{blanks}", key.expose_key());
        let alone = format!("{blanks}{}{blanks}", key.expose_key());
        let wanted = Ok(Some(Credential::ApiKey(key)));
        let (bearer, alone) = (bearer.as_bytes(), alone.as_bytes());
        prop_assert_eq!(&read_credential(&[bearer], &[]), &wanted);
        prop_assert_eq!(&read_credential(&[], &[alone]), &wanted);
        prop_assert_eq!(&read_credential(&[bearer], &[alone]), &wanted);
        prop_assert!(read_credential(&[bearer, bearer], &[]).is_err());
        prop_assert!(read_credential(&[bearer], &[alone, alone]).is_err());
    }

    #[test]
    fn an_origin_is_written_in_one_way(text in prop_oneof![texts(), origins()]) {
        if let Ok(origin) = text.parse::<Origin>() {
            let written = origin.to_string();
            prop_assert_eq!(written.parse::<Origin>(), Ok(origin), "{}", written);
            let again = written.parse::<Origin>().unwrap().to_string();
            prop_assert_eq!(again, written.clone());
            prop_assert!(!written.contains(['*', '@', '\\', ' ', '?', '#']), "{}", written);
            prop_assert_eq!(written.matches("://").count(), 1);
        }
        // A header is read as the same, or is no page.
        match RequestOrigin::read(&[text.as_bytes()]) {
            RequestOrigin::Page(page) => prop_assert_eq!(text.parse(), Ok(page)),
            RequestOrigin::Null => prop_assert_eq!(text, "null"),
            RequestOrigin::Malformed => prop_assert!(text.parse::<Origin>().is_err()),
            RequestOrigin::Absent => prop_assert!(false),
        }
    }

    #[test]
    fn a_pattern_is_written_in_one_way(text in prop_oneof![texts(), origins()]) {
        if let Ok(pattern) = text.parse::<OriginPattern>() {
            let written = pattern.to_string();
            prop_assert_eq!(written.parse::<OriginPattern>(), Ok(pattern), "{}", written);
            let again = written.parse::<OriginPattern>().unwrap().to_string();
            prop_assert_eq!(again, written);
        }
    }

    /// A pattern lets in what a plain comparison of texts does.
    #[test]
    fn a_pattern_matches_what_its_text_says(
        allowed in origins(),
        origin in origins(),
        label in "[a-z]{1,5}",
    ) {
        let Ok(pattern) = allowed.parse::<OriginPattern>() else { return Ok(()) };
        let written = pattern.to_string();
        let below = written.replacen("://*.", &format!("://{label}."), 1);
        let within = below.parse::<Origin>();
        prop_assert!(within.is_ok_and(|within| pattern.matches(&within)), "{}", below);
        if let Ok(origin) = origin.parse::<Origin>() {
            let text = origin.to_string();
            let wanted = match written.split_once("*.") {
                None => text == written,
                Some((scheme, base)) => {
                    text.starts_with(scheme) && text[scheme.len()..].ends_with(&format!(".{base}"))
                }
            };
            prop_assert_eq!(pattern.matches(&origin), wanted, "{} {}", written, text);
        }
        if let Some((scheme, apex)) = written.split_once("*.") {
            let apex: Origin = format!("{scheme}{apex}").parse().unwrap();
            prop_assert!(!pattern.matches(&apex));
            let rules = OriginRules { allowed: vec![pattern], allow_null: false, required: true };
            prop_assert!(!rules.allow(&RequestOrigin::Page(apex), &[]));
        }
    }

    #[test]
    fn a_life_time_is_its_number_of_seconds(number in 0_i64..4_000_000, text in texts()) {
        let seconds = TokenLifetime::parse(&format!("{number}s"));
        prop_assert_eq!(seconds.is_ok(), (60..=2_592_000).contains(&number));
        for (unit, factor) in [("m", 60), ("h", 3_600), ("d", 86_400)] {
            let whole = TokenLifetime::parse(&format!("{}{unit}", number / factor));
            let same = TokenLifetime::parse(&format!("{}s", number / factor * factor));
            prop_assert_eq!(whole, same);
        }
        if TokenLifetime::parse(&text).is_ok() {
            let (digits, unit) = text.split_at(text.len() - 1);
            prop_assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
            prop_assert!(["s", "m", "h", "d"].contains(&unit));
        }
    }

    #[test]
    fn a_name_is_read_as_itself(text in "\\PC{0,300}") {
        if let Ok(name) = EndUserName::parse(&text) {
            prop_assert_eq!(EndUserName::parse(name.as_str()), Ok(name.clone()));
            prop_assert!(!name.as_str().is_empty() && name.as_str().chars().count() <= 256);
        }
    }
}
