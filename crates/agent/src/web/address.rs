//! Which addresses are fetched.

use url::Url;

use super::WebError;

/// Bytes of a URL at most.
const MAX_URL_BYTES: usize = 4_096;

/// An address that may be asked for, its host still unchecked: http or https, with a host, without
/// credentials. All spellings of an address (decimal, octal, hexadecimal) are one after this.
pub(super) fn parse(text: &str) -> Result<Url, WebError> {
    if text.len() > MAX_URL_BYTES {
        return Err(WebError::BadUrl("it is longer than 4096 bytes"));
    }
    let url = Url::parse(text.trim()).map_err(|_| WebError::BadUrl("it cannot be parsed"))?;
    vet(url)
}

/// The address that `location` means at `base`.
pub(super) fn join(base: &Url, location: &str) -> Result<Url, WebError> {
    if location.len() > MAX_URL_BYTES {
        return Err(WebError::BadUrl("it is longer than 4096 bytes"));
    }
    let joined = base.join(location);
    vet(joined.map_err(|_| WebError::BadUrl("it cannot be parsed"))?)
}

fn vet(mut url: Url) -> Result<Url, WebError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(WebError::BadUrl("only http and https are fetched"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(WebError::BadUrl("it names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(WebError::BadUrl("it holds a user name or a password"));
    }
    url.set_fragment(None);
    Ok(url)
}

/// The http and https addresses in a text, each once, in their order.
pub(crate) fn urls_in(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | '|');
    for word in text.split(ends) {
        let begin = ["http://", "https://"]
            .iter()
            .filter_map(|scheme| word.to_ascii_lowercase().find(scheme))
            .min();
        let Some(begin) = begin else { continue };
        let url = without_punctuation(&word[begin..]).to_owned();
        if !found.contains(&url) {
            found.push(url);
        }
    }
    found
}

/// Without what ends a sentence; a closing bracket belongs to a URL that opens one.
fn without_punctuation(mut url: &str) -> &str {
    loop {
        let end = url.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*']);
        let closes = |open: char, close: char| {
            let count = |wanted: char| end.chars().filter(|c| *c == wanted).count();
            end.ends_with(close) && count(close) > count(open)
        };
        let unopened = closes('(', ')') || closes('[', ']') || closes('{', '}');
        let end = &end[..end.len() - usize::from(unopened)];
        if end.len() == url.len() {
            return url;
        }
        url = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_a_sentence() {
        let text = "Compare https://a.example/x?y=1, (http://b.example/p_(q)) and <https://c.example>; \
                    again https://a.example/x?y=1. See [d](HTTPS://d.example/). ftp://e.example no";
        let expected = [
            "https://a.example/x?y=1",
            "http://b.example/p_(q)",
            "https://c.example",
            "HTTPS://d.example/",
        ];
        assert_eq!(urls_in(text), expected);
    }

    #[test]
    fn only_plain_web_addresses_are_fetched() {
        for bad in [
            "ftp://a.example/",
            "file:///etc/passwd",
            "http://",
            "http://user@a.example/",
            "http://:pass@a.example/",
            "gopher://a.example/",
            "a.example",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(&format!("http://a.example/{}", "x".repeat(MAX_URL_BYTES))).is_err());
        assert_eq!(
            parse(" http://a.example/x#y ").unwrap().as_str(),
            "http://a.example/x"
        );
    }

    #[test]
    fn every_spelling_of_an_address_is_the_same() {
        for spelled in [
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://0x7f.1/",
            "http://127.1/",
            "http://127。0。0。1/",
        ] {
            assert_eq!(
                parse(spelled).unwrap().host_str(),
                Some("127.0.0.1"),
                "{spelled}"
            );
        }
    }
}
