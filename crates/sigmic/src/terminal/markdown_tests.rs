use proptest::prelude::*;

use super::*;

/// The text in pieces of so many characters.
fn shown(text: &str, size: usize) -> String {
    let mut markdown = Markdown::default();
    let chars: Vec<char> = text.chars().collect();
    let mut all = String::new();
    for piece in chars.chunks(size) {
        all.push_str(&markdown.push(&piece.iter().collect::<String>()));
    }
    all.push_str(&markdown.end());
    all
}

/// What is seen, with the styles of characters as letters: `[b]` bold, `[c]` code and so on. A
/// style that is set again without need is left out.
fn seen(text: &str) -> String {
    let mut seen = String::new();
    let (mut on, mut said) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("\x1b[") {
            let (codes, after) = after.split_once('m').unwrap();
            for code in codes.split(';') {
                let code: u8 = code.parse().unwrap();
                match code {
                    0 => on.clear(),
                    22 => on.retain(|c| !matches!(c, 'b' | 'd')),
                    23 => on.retain(|c| *c != 'i'),
                    24 => on.retain(|c| *c != 'u'),
                    29 => on.retain(|c| *c != 's'),
                    39 => on.retain(|c| *c != 'c'),
                    code => {
                        let (_, name) =
                            [(1, 'b'), (2, 'd'), (3, 'i'), (4, 'u'), (9, 's'), (36, 'c')]
                                .into_iter()
                                .find(|(known, _)| *known == code)
                                .unwrap();
                        if !on.contains(&name) {
                            on.push(name);
                        }
                    }
                }
            }
            rest = after;
            continue;
        }
        on.sort_unstable();
        if on != said && first != '\n' {
            seen.push_str(&format!("[{}]", on.iter().collect::<String>()));
            said.clone_from(&on);
        }
        seen.push(first);
        rest = &rest[first.len_utf8()..];
    }
    seen
}

const CASES: [(&str, &str); 16] = [
    ("plain text, 2 * 3 * 4\n", "plain text, 2 * 3 * 4\n"),
    (
        "# One\n## Two `x` y\ntext",
        "[bu]One\n[b]Two [bc]x[b] y\n[]text",
    ),
    (
        "a **bold** and *slanted* b",
        "a [b]bold[] and [i]slanted[] b",
    ),
    (
        "***both*** __b__ _i_ ~~no~~",
        "[bi]both[] [b]b[] [i]i[] [s]no",
    ),
    (
        "snake_case_name and 2**3**4 a*b",
        "snake_case_name and 2[b]3[]4 a*b",
    ),
    ("**open\n* not an item*", "**open\n• not an item*"),
    ("- a\n  * b\n+ c\n1. d", "• a\n  • b\n• c\n1. d"),
    ("use `a*b*` and ``x ` y``", "use [c]a*b*[] and [c]x ` y"),
    ("**bold `a**b` on**", "[b]bold [bc]a**b[b] on"),
    (
        "see [the page](https://a.b/c) [no] [x](",
        "see [u]the page[d] (https://a.b/c)[] [no] [x](",
    ),
    (
        "```rust\nlet *a* = `b`;\n\n``\n```\n*after*",
        "[d]```rust\n[c]let *a* = `b`;\n\n``\n[d]```\n[i]after",
    ),
    ("```in``` line", "[c]in[] line"),
    ("| a | *b* |\n|---|---|\n", "| a | *b* |\n|---|---|\n"),
    (
        "> said **so**\n>\nafter",
        "[d]│[] said [b]so\n[d]│[] \nafter",
    ),
    (
        "---\n* * *\n- \n--",
        "[d]────────────────────────\n────────────────────────\n[]• \n--",
    ),
    (r"\*not\* \`this\` a\b", "*not* `this` a\\b"),
];

#[test]
fn marks_are_shown_whatever_the_pieces() {
    for (text, expected) in CASES {
        for size in [1, 2, 3, 7, 1000] {
            assert_eq!(seen(&shown(text, size)), expected, "{text:?} by {size}");
        }
    }
}

#[test]
fn words_appear_while_the_line_goes_on() {
    let mut markdown = Markdown::default();
    assert_eq!(markdown.push("- so"), "• so");
    assert_eq!(markdown.push("me wor"), "me wor");
    assert_eq!(markdown.push("ds **and"), "ds ");
    assert_eq!(seen(&markdown.push("** on")), "[b]and[] on");
    assert_eq!(markdown.push("\n"), "\n");
    assert_eq!(markdown.end(), "");
}

#[test]
fn a_mark_that_never_closes_holds_nothing_for_ever() {
    let mut markdown = Markdown::default();
    let long = "x".repeat(3_000);
    assert_eq!(markdown.push("**"), "");
    assert_eq!(markdown.push(&long), format!("**{long}"));
}

proptest! {
    #[test]
    fn pieces_never_change_what_is_seen(
        text in "([ab*_`~#>|\\[\\]() \\\\\n-]|```|\\*\\*|é){0,40}",
        size in 1..9_usize,
    ) {
        prop_assert_eq!(seen(&shown(&text, size)), seen(&shown(&text, 1000)));
    }
}

/// A line of half a million marks without another end, which none of them finds by looking through
/// the rest of the line: that would be a hundred thousand million steps.
#[test]
fn a_long_line_of_marks_costs_what_it_is_long() {
    for mark in ["*a ", "_a ", "~~a ", "**a *b ", "[a](", "[", "`a ``b "] {
        let line = mark.repeat(1_500_000 / mark.len());
        let mut markdown = Markdown::default();
        let shown = markdown.push(&line) + &markdown.end();
        assert!(shown.contains('a') || mark == "[", "{mark}");
    }
    // Nor do pieces of a line that stays undecided.
    let mut markdown = Markdown::default();
    let shown: String = (0..400_000).map(|_| markdown.push("- ")).collect();
    assert!(shown.starts_with("\x1b[2m─"));
}

#[test]
fn marks_far_from_each_other_stand_for_themselves() {
    let far = "x".repeat(3_000);
    let line = format!("*a {far} b* and *c* and [d](e)\n");
    let mut markdown = Markdown::default();
    let shown = markdown.push(&line);
    let shown = anstream::adapter::strip_str(&shown).to_string();
    assert_eq!(shown, format!("*a {far} b* and c and d (e)\n"));
}
