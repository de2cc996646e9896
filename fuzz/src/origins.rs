//! Origins and patterns of them: the first line of the input is a pattern, the second an origin.

use auth::{Origin, OriginPattern, OriginRules, RequestOrigin};

/// Reads both and compares them.
///
/// # Panics
/// When something has two normal forms, or a pattern lets in what its text does not say.
pub fn check(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (first, second) = (lines.next().unwrap_or(b""), lines.next().unwrap_or(b""));
    let page = RequestOrigin::read(&[second]);
    if let RequestOrigin::Page(origin) = &page {
        let written = origin.to_string();
        assert_eq!(written.parse::<Origin>().as_ref(), Ok(origin), "{written}");
        assert!(
            !written.contains(['*', '@', '\\', ' ', '?', '#']),
            "{written}"
        );
    }
    let pattern = std::str::from_utf8(first).map(str::parse::<OriginPattern>);
    let Ok(Ok(pattern)) = pattern else { return };
    let written = pattern.to_string();
    let again = written.parse::<OriginPattern>();
    assert_eq!(again.as_ref(), Ok(&pattern), "{written}");
    let rules = OriginRules {
        allowed: vec![pattern],
        allow_null: false,
        required: true,
    };
    let wanted = match &page {
        RequestOrigin::Page(origin) => says(&written, &origin.to_string()),
        RequestOrigin::Absent | RequestOrigin::Null | RequestOrigin::Malformed => false,
    };
    assert_eq!(rules.allow(&page, &[]), wanted, "{written} {page:?}");
}

/// Whether a pattern lets an origin in, by the texts of both alone.
fn says(pattern: &str, origin: &str) -> bool {
    match pattern.split_once("*.") {
        _ if pattern == "*" => true,
        None => pattern == origin,
        Some((scheme, base)) => {
            let rest = origin.strip_prefix(scheme);
            let labels = rest.and_then(|rest| rest.strip_suffix(base));
            labels.is_some_and(|labels| labels.len() > 1 && labels.ends_with('.'))
        }
    }
}
