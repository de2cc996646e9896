use super::*;

fn pattern(text: &str) -> OriginPattern {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

fn matches(allowed: &str, origin: &str) -> bool {
    let origin = RequestOrigin::read(&[origin.as_bytes()]);
    let rules = OriginRules {
        allowed: vec![pattern(allowed)],
        allow_null: false,
        required: false,
    };
    rules.allow(&origin, &[])
}

#[test]
fn scheme_host_and_port_count() {
    for (allowed, origin, wanted) in [
        ("https://a.example", "https://a.example", true),
        ("https://A.Example", "https://a.example", true),
        ("https://a.example", "https://A.EXAMPLE", true),
        ("https://a.example/", "https://a.example", true),
        ("https://a.example", "https://a.example:443", true),
        ("https://a.example:443", "https://a.example", true),
        ("http://a.example", "http://a.example:80", true),
        ("https://a.example", "http://a.example", false),
        ("https://a.example", "https://a.example:8443", false),
        ("https://a.example", "https://a.example.evil.test", false),
        (
            "https://a.example",
            "https://evil.test/https://a.example",
            false,
        ),
        ("https://a.example", "https://b.a.example", false),
        ("https://a.example", "https://a.example@evil.test", false),
        ("https://a.example", "null", false),
        (
            "https://b\u{fc}cher.example",
            "https://xn--bcher-kva.example",
            true,
        ),
        ("http://[::1]:3000", "http://[::1]:3000", true),
        ("http://[::1]:3000", "http://[0:0:0:0:0:0:0:1]:3000", true),
        ("http://localhost:3000", "http://localhost:3000", true),
        ("http://localhost:3000", "http://localhost:3001", false),
        ("capacitor://localhost", "capacitor://localhost", true),
        ("*", "https://anything.test", true),
        ("*", "not an origin", false),
        ("*", "null", false),
    ] {
        assert_eq!(matches(allowed, origin), wanted, "{allowed} {origin}");
    }
}

#[test]
fn a_wildcard_holds_any_depth_but_not_the_apex() {
    for (origin, wanted) in [
        ("https://a.shop.example", true),
        ("https://a.b.c.shop.example", true),
        ("https://shop.example", false),
        ("https://.shop.example", false),
        ("https://evilshop.example", false),
        ("https://a.shop.example.evil.test", false),
        ("http://a.shop.example", false),
        ("https://a.shop.example:444", false),
    ] {
        assert_eq!(
            matches("https://*.shop.example", origin),
            wanted,
            "{origin}"
        );
    }
}

#[test]
fn what_is_no_origin_is_refused() {
    for wrong in [
        "",
        "null",
        "a.example",
        "https://",
        "https:a.example",
        "https:\\\\a.example",
        "https://a.example/path",
        "https://a.example?q",
        "https://a.example#f",
        "https://user@a.example",
        "https://a.example:99999",
        " https://a.example",
        "https://a. example",
        "https://a*.example",
        "https://*.com",
        "https://*.*.a.example",
        "https://*.127.0.0.1",
        "https://*",
        "*://a.example",
        "**",
        "data:text/html,x",
        "https://a.example\nhttps://b.example",
    ] {
        assert!(wrong.parse::<OriginPattern>().is_err(), "{wrong:?}");
    }
}

#[test]
fn a_pattern_is_written_as_it_is_read() {
    for (text, wanted) in [
        ("https://*.A.example:443", "https://*.a.example"),
        ("http://[::1]:80", "http://[::1]"),
        ("https://a.example:8443", "https://a.example:8443"),
        ("*", "*"),
    ] {
        assert_eq!(pattern(text).to_string(), wanted);
        assert_eq!(pattern(wanted), pattern(text));
    }
}

#[test]
fn what_is_absent_null_or_the_servers_own() {
    let rules = |allow_null, required| OriginRules {
        allowed: vec![],
        allow_null,
        required,
    };
    let own: Origin = "https://api.example".parse().unwrap();
    let page = RequestOrigin::Page(own.clone());
    assert!(rules(false, false).allow(&page, &[own]));
    assert!(!rules(false, false).allow(&page, &[]));
    assert!(rules(false, false).allow(&RequestOrigin::Absent, &[]));
    assert!(!rules(false, true).allow(&RequestOrigin::Absent, &[]));
    assert!(!rules(false, false).allow(&RequestOrigin::Null, &[]));
    assert!(rules(true, false).allow(&RequestOrigin::Null, &[]));
    let twice: [&[u8]; 2] = [b"https://a.example", b"https://a.example"];
    assert_eq!(RequestOrigin::read(&twice), RequestOrigin::Malformed);
    assert_eq!(RequestOrigin::read(&[b"\xff"]), RequestOrigin::Malformed);
}
