//! Names of files that came from outside.

/// Bytes of a name at most: what file systems take.
const MAX_NAME_BYTES: usize = 255;
/// Bytes of what counts as an extension, with its dot.
const MAX_EXTENSION_BYTES: usize = 32;
/// For what has no usable name.
const UNNAMED: &str = "file";

/// A name that is safe to use: the last part of a path, without control characters, not empty,
/// not `.` or `..`, at most 255 bytes. Everything else stays as it is.
pub(super) fn file_name(given: &str) -> String {
    let last = given
        .rsplit(['/', '\\'])
        .find(|part| !part.trim().is_empty())
        .unwrap_or_default();
    let name = component(last);
    if matches!(name.as_str(), "" | "." | "..") {
        return UNNAMED.to_owned();
    }
    name
}

/// One name of a path without what cannot be shown in a line; it may still be `.` or `..`.
pub(super) fn component(given: &str) -> String {
    let unfit = |c: char| c.is_control() || matches!(c, '/' | '\u{2028}' | '\u{2029}');
    let name = given.trim().replace(unfit, "_");
    numbered(&name, 0)
}

/// The name of the `count`-th further file of one name: ` (1)` before the extension. Shortened
/// where it would be too long.
pub(super) fn numbered(name: &str, count: usize) -> String {
    let (stem, extension) = split(name);
    let number = match count {
        0 => String::new(),
        count => format!(" ({count})"),
    };
    let room = MAX_NAME_BYTES - number.len() - extension.len();
    format!("{}{number}{extension}", cut(stem, room))
}

/// The extension in lower case, without its dot.
pub(super) fn extension(name: &str) -> String {
    let (_, extension) = split(name);
    extension.trim_start_matches('.').to_ascii_lowercase()
}

fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 && name.len() - at <= MAX_EXTENSION_BYTES => name.split_at(at),
        Some(_) | None => (name, ""),
    }
}

fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_directories_and_control_characters() {
        for (given, wanted) in [
            ("a.txt", "a.txt"),
            ("../../etc/x", "x"),
            (r"C:\Users\ana\b.csv", "b.csv"),
            ("dir/", "dir"),
            ("", "file"),
            ("/", "file"),
            ("a/..", "file"),
            (".", "file"),
            (" . ", "file"),
            ("a\0b\r\nc", "a_b__c"),
            ("  spaced name.txt ", "spaced name.txt"),
            ("žluť 🦊.csv", "žluť 🦊.csv"),
            (".env", ".env"),
            ("x\u{2028}y", "x_y"),
        ] {
            assert_eq!(file_name(given), wanted, "{given:?}");
        }
    }

    #[test]
    fn numbers_go_before_the_extension_and_names_stay_short() {
        assert_eq!(numbered("a.tar.gz", 1), "a.tar (1).gz");
        assert_eq!(numbered("Makefile", 12), "Makefile (12)");
        assert_eq!(numbered(".env", 1), ".env (1)");
        let long = format!("{}.csv", "é".repeat(300));
        for count in [0, 1, 10_000] {
            let name = numbered(&long, count);
            assert!(name.len() <= 255 && name.ends_with(".csv"), "{name}");
        }
        assert_eq!(file_name(&long), numbered(&long, 0));
        let endless = format!("a.{}", "x".repeat(400));
        assert_eq!(numbered(&endless, 3).len(), 255);
    }

    #[test]
    fn extensions() {
        assert_eq!(extension("A.ZIP"), "zip");
        assert_eq!(extension("zip"), "");
        assert_eq!(extension(".zip"), "");
    }
}
