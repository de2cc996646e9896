//! Small cuts of plain text.

/// What follows the first of `beginnings` that `text` begins with, in any case.
pub(super) fn after_any<'a>(text: &'a str, beginnings: &[&str]) -> Option<&'a str> {
    beginnings.iter().find_map(|beginning| {
        let head = text.get(..beginning.len())?;
        head.eq_ignore_ascii_case(beginning)
            .then(|| &text[beginning.len()..])
    })
}

/// The first word and what follows it.
pub(super) fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim_start()),
        None => (text, ""),
    }
}

/// The words without the punctuation around them. A dot in front is kept: `.env`, `./a`.
pub(super) fn words(text: &str) -> Vec<&str> {
    text.split_whitespace()
        .map(|word| {
            word.trim_start_matches(['`', '"', '\'', '(', '“', '‘'])
                .trim_end_matches(['`', '"', '\'', ')', '”', '’', '?', '!', ',', ';', ':', '.'])
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// The sentences and lines of a text.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut begin = 0;
    for (at, sign) in text.char_indices() {
        let end = at + sign.len_utf8();
        // The dot of "2.5" ends nothing.
        let is_stop =
            matches!(sign, '.' | '?' | '!') && text[end..].starts_with(char::is_whitespace);
        if is_stop || sign == '\n' {
            sentences.push(&text[begin..end]);
            begin = end;
        }
    }
    sentences.push(&text[begin..]);
    sentences
}

/// Whether a word looks like the name of a file: `notes.txt`, `src/main.rs`, `.env`.
pub(super) fn is_file_like(word: &str) -> bool {
    let word = unquote(word.trim_end_matches([',', ':', '.', '?', '!']));
    let name = word.rsplit('/').next().unwrap_or(word);
    name.rsplit_once('.').is_some_and(|(_, ending)| {
        (1..=8).contains(&ending.len())
            && ending.chars().all(char::is_alphanumeric)
            && ending.chars().any(char::is_alphabetic)
    })
}

/// Without one pair of quotes around it.
pub(super) fn unquote(text: &str) -> &str {
    let text = text.trim();
    [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’')]
        .into_iter()
        .find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close))
        .unwrap_or(text)
}

/// The code in `text`: of a fenced block, else of the first pair of backticks, else all of it.
pub(super) fn unfence(text: &str) -> &str {
    if let Some((_, rest)) = text.split_once("```")
        && let Some((block, _)) = rest.split_once("```")
    {
        // The first line may name a language.
        return block
            .split_once('\n')
            .map_or(block, |(_, code)| code)
            .trim();
    }
    if let Some((_, rest)) = text.split_once('`')
        && let Some((code, _)) = rest.split_once('`')
    {
        return code.trim();
    }
    text.trim()
}

/// `text` as one word of a POSIX shell.
pub(super) fn shell_quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `text` as a Markdown block that nothing inside it can end.
pub(super) fn block(text: &str) -> String {
    let longest = text
        .split(|sign| sign != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    format!("{fence}\n{}\n{fence}", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_file_is_one() {
        for word in [
            "notes.txt",
            "src/main.rs",
            "`a.csv`",
            ".env",
            "a.b.gz",
            "report.md.",
        ] {
            assert!(is_file_like(word), "{word}");
        }
        for word in ["hello", "end.", "3.14", "a.", "x/y", "", "..."] {
            assert!(!is_file_like(word), "{word}");
        }
    }

    #[test]
    fn quoting_holds() {
        assert_eq!(shell_quote("a'b; rm -rf $HOME"), r"'a'\''b; rm -rf $HOME'");
        assert_eq!(block("a `b` c\n"), "```\na `b` c\n```");
        assert_eq!(block("a ``` b"), "````\na ``` b\n````");
    }
}
