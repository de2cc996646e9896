//! The ways to write a value, made by other code than that which masks them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// What all ways to write the value have in common, wherever they stand: of base64 the characters
/// that the value alone decides, which are the same with padding and without.
pub(super) fn all(value: &str) -> Vec<(String, String)> {
    let mut forms = vec![("plain".to_owned(), value.to_owned())];
    for before in 0..3 {
        // What stands before and behind is cut off with the characters that it has a part in.
        let around = format!("{}{value}", "\0".repeat(before));
        let first = (8 * before).div_ceil(6);
        let end = 8 * around.len() / 6;
        for (name, engine) in [("base64", &STANDARD), ("base64url", &URL_SAFE)] {
            let encoded = engine.encode(&around);
            forms.push((format!("{name} {before}"), encoded[first..end].to_owned()));
        }
    }
    let hex = |upper: bool| -> String {
        let byte = |byte| {
            if upper {
                format!("{byte:02X}")
            } else {
                format!("{byte:02x}")
            }
        };
        value.bytes().map(byte).collect()
    };
    forms.push(("hex".to_owned(), hex(false)));
    forms.push(("HEX".to_owned(), hex(true)));
    let percent = url_encoded(value);
    if percent != value {
        forms.push(("percent".to_owned(), percent.clone()));
        forms.push(("percent, lower".to_owned(), lowered(&percent)));
    }
    forms
}

/// As a form of a web page sends it.
pub(super) fn url_encoded(value: &str) -> String {
    let mut url = reqwest::Url::parse("http://a").unwrap();
    url.query_pairs_mut().append_key_only(value);
    url.query().unwrap().to_owned()
}

/// The escapes in lower case.
fn lowered(percent: &str) -> String {
    let mut parts = percent.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| format!("%{}{}", part[..2].to_lowercase(), &part[2..]));
    first + &rest.collect::<String>()
}

#[test]
fn the_ways_are_those_of_other_programs() {
    let forms = all("a+b/c");
    let find = |name: &str| {
        let (_, form) = forms.iter().find(|(known, _)| known == name).unwrap();
        form.as_str()
    };
    // `printf 'a+b/c' | base64`, and behind one and two other bytes.
    assert_eq!(find("base64 0"), "YStiL2");
    assert_eq!(find("base64 1"), "ErYi9j");
    assert_eq!(find("base64url 2"), "hK2IvY");
    assert_eq!(find("hex"), "612b622f63");
    assert_eq!(find("HEX"), "612B622F63");
    assert_eq!(find("percent"), "a%2Bb%2Fc");
    assert_eq!(find("percent, lower"), "a%2bb%2fc");
}
