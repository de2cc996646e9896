//! Text from a model or a tool, made harmless for a terminal.

/// The text without control characters other than line breaks and tabs, and without those that
/// turn the direction of writing: no escape sequence of a tool's output moves the cursor, sets a
/// title or answers for the person, and no command reads other than it runs.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .filter(|c| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .collect()
}

/// The text on one line of at most `most` characters.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let flat = clean(&flat);
    if flat.chars().count() <= most {
        return flat;
    }
    let mut cut: String = flat.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_lose_their_teeth() {
        assert_eq!(clean("a\x1b[2Jb\r\n\tc\u{9b}31m\x07"), "a[2Jb\n\tc31m");
        assert_eq!(clean("rm \u{202e}x\u{2066}"), "rm x");
    }

    #[test]
    fn one_line_is_one_line() {
        assert_eq!(one_line(" a\n  b\t\x1b[1mc ", 20), "a b [1mc");
        assert_eq!(one_line("äbcdef", 4), "äbc…");
    }
}
