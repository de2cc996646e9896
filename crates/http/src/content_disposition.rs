//! The `Content-Disposition` header, both ways: file names as clients send them in forms, and as
//! they are sent with a download.

use std::borrow::Cow;
use std::fmt::Write;

use axum::http::{HeaderMap, HeaderValue, header};

/// The file name of a part of a form, as it came: `filename*` before `filename`; `None` where
/// there is neither.
pub(crate) fn file_name(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_DISPOSITION)?;
    let text = String::from_utf8_lossy(value.as_bytes());
    let parameters = parameters(&text);
    let get = |wanted: &str| {
        let found = parameters
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.as_str())
    };
    let extended = get("filename*").and_then(decode_extended);
    extended.or_else(|| get("filename").map(str::to_owned))
}

/// The parameters after the first `;`.
fn parameters(value: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = value.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let (value, next) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), next)
            }
        };
        found.push((name.trim().to_owned(), value));
        rest = next;
    }
    found
}

/// A quoted text and what follows it. Only quotes and backslashes are ever escaped: a path of
/// another system keeps its backslashes.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => {
                let rest = text.get(at + 1..).unwrap_or_default();
                let rest = rest.split_once(';').map_or("", |(_, rest)| rest);
                return (value, rest);
            }
            '\\' => match characters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push(c),
            },
            c => value.push(c),
        }
    }
    (value, "")
}

/// `UTF-8''%e2%82%ac` and its like.
fn decode_extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    let bytes = percent_decode(encoded);
    if charset.eq_ignore_ascii_case("utf-8") {
        String::from_utf8(bytes).ok()
    } else if charset.eq_ignore_ascii_case("iso-8859-1") {
        Some(bytes.into_iter().map(char::from).collect())
    } else {
        None
    }
}

fn percent_decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |digit: &u8| char::from(*digit).to_digit(16);
        if let (b'%', [high, low, tail @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (hex(high), hex(low))
        {
            bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
            rest = tail;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

/// What makes a browser save a download under this name. No name can break out of the header: what
/// is not plain is replaced in the first form and encoded in the second.
pub(crate) fn attachment(name: &str) -> HeaderValue {
    let plain = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\' | '%');
    let fallback: String = name
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    let mut value = format!("attachment; filename=\"{fallback}\"");
    if fallback != name {
        let _ = write!(value, "; filename*=UTF-8''{}", percent_encode(name));
    }
    HeaderValue::from_str(&value).expect("the value is printable ASCII")
}

fn percent_encode(text: &str) -> Cow<'_, str> {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte);
    if text.bytes().all(kept) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::new();
    for byte in text.bytes() {
        if kept(byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    Cow::Owned(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_DISPOSITION,
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
        file_name(&headers)
    }

    #[test]
    fn names_of_every_client_are_read() {
        for (value, wanted) in [
            (r#"form-data; name="files"; filename="a.txt""#, "a.txt"),
            ("form-data; name=files; filename=a.txt", "a.txt"),
            (
                "form-data; filename=\"žluť.csv\"; name=\"files\"",
                "žluť.csv",
            ),
            (
                "form-data; name=\"files\"; filename*=UTF-8''%c5%belu%C5%A5.csv",
                "žluť.csv",
            ),
            (
                "form-data; filename=\"x\"; filename*=utf-8'en'%e2%82%ac",
                "€",
            ),
            ("form-data; filename*=koi8-r''%f0; filename=\"y\"", "y"),
            ("form-data; filename*=iso-8859-1''%e9", "é"),
            (r#"form-data; filename="a\"b;c=d.txt""#, "a\"b;c=d.txt"),
            (r#"form-data; filename="C:\dir\a.txt""#, r"C:\dir\a.txt"),
            (r#"form-data; FILENAME="""#, ""),
            (r#"form-data; filename="open"#, "open"),
            ("form-data; filename*=UTF-8''100%", "100%"),
        ] {
            assert_eq!(name(value).as_deref(), Some(wanted), "{value}");
        }
        assert_eq!(name(r#"form-data; name="filename""#), None);
    }

    #[test]
    fn no_name_breaks_out_of_the_header() {
        for (name, wanted) in [
            ("a b.txt", r#"attachment; filename="a b.txt""#),
            (
                "é.txt",
                "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%A9.txt",
            ),
            (
                "a\"\r\nX: y",
                "attachment; filename=\"a___X: y\"; filename*=UTF-8''a%22%0D%0AX%3A%20y",
            ),
            (
                "🦊\\%",
                "attachment; filename=\"___\"; filename*=UTF-8''%F0%9F%A6%8A%5C%25",
            ),
        ] {
            assert_eq!(attachment(name), wanted, "{name:?}");
        }
    }
}
