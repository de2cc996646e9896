//! Markdown inside a line: emphasis, code, links. Text comes piece by piece; what may still turn
//! out to be a mark is held back until the line tells, so that nothing printed is ever wrong.

/// Bytes that are held back at most, and in which the other end of a mark is looked for. Beyond
/// that a mark is taken for itself, so that a long line costs no more than as many short ones.
const MAX_HELD_BYTES: usize = 2_000;

const CODE: [&str; 2] = ["\x1b[36m", "\x1b[39m"];
const UNDERLINE: [&str; 2] = ["\x1b[4m", "\x1b[24m"];
const DIM: [&str; 2] = ["\x1b[2m", "\x1b[22m"];

/// Whether more of the line may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    GoesOn,
    Ends,
}

/// The marks of one line.
#[derive(Debug, Default)]
pub(super) struct Inline {
    held: String,
    /// The character before what is held.
    before: Option<char>,
    /// What the whole line is shown in; taken up again after a mark.
    base: &'static str,
}

/// What stands at the beginning of a text.
enum Found<'a> {
    /// So many bytes as they are.
    Text(usize),
    /// A mark of so many bytes, and what is shown for it.
    Mark(usize, Marked<'a>),
    /// It cannot be told yet.
    Open,
}

/// Marks that have no other end nearby. Those of their kind that follow closely have none either.
#[derive(Default)]
struct Lone {
    /// Bytes of the line beyond what is looked through.
    beyond: usize,
    /// The mark, how often it is repeated, and the bytes beyond what was looked through for it.
    seen: Vec<(char, usize, usize)>,
}

impl Lone {
    /// Whether `text` begins with one of a kind that was looked for as far as that already.
    fn has(&self, text: &str, mark: char, marks: usize) -> bool {
        let left = text.len() + self.beyond;
        let alike = |(other, others, beyond): &(char, usize, usize)| {
            (*other, *others) == (mark, marks) && left > *beyond
        };
        self.seen.iter().any(alike)
    }

    fn note(&mut self, mark: char, marks: usize) {
        self.seen
            .retain(|(other, others, _)| (*other, *others) != (mark, marks));
        self.seen.push((mark, marks, self.beyond));
    }
}

enum Marked<'a> {
    Escaped(&'a str),
    Code(&'a str),
    /// How, and what.
    Emphasis(&'static [[&'static str; 2]], &'a str),
    /// The text and the address.
    Link(&'a str, &'a str),
}

impl Inline {
    /// A line that is shown in `base`.
    pub(super) fn new(base: &'static str) -> Self {
        Self {
            held: String::new(),
            before: None,
            base,
        }
    }

    /// Takes a piece of the line; answers what can be shown of it.
    pub(super) fn push(&mut self, text: &str, line: Line) -> String {
        self.held.push_str(text);
        let held = std::mem::take(&mut self.held);
        let line = if held.len() > MAX_HELD_BYTES {
            Line::Ends
        } else {
            line
        };
        let mut shown = String::new();
        let rest = self.show(&held, line, &mut shown);
        held[held.len() - rest..].clone_into(&mut self.held);
        shown
    }

    /// Shows as much as can be told; answers how many bytes cannot.
    fn show(&mut self, text: &str, line: Line, shown: &mut String) -> usize {
        let mut rest = text;
        let mut lone = Lone::default();
        while !rest.is_empty() {
            let near = &rest[..rest.floor_char_boundary(MAX_HELD_BYTES)];
            lone.beyond = rest.len() - near.len();
            let taken = match find(near, self.before, line, &mut lone) {
                Found::Open => return rest.len(),
                Found::Text(length) => {
                    shown.push_str(&rest[..length]);
                    length
                }
                Found::Mark(length, marked) => {
                    self.mark(&marked, shown);
                    length
                }
            };
            self.before = rest[..taken].chars().next_back();
            rest = &rest[taken..];
        }
        0
    }

    fn mark(&self, marked: &Marked<'_>, shown: &mut String) {
        match marked {
            Marked::Escaped(text) => shown.push_str(text),
            Marked::Code(text) => self.styled(&[CODE], text, shown),
            Marked::Emphasis(styles, text) => {
                let inner = Self::new(self.base).push(text, Line::Ends);
                self.styled(styles, &inner, shown);
            }
            Marked::Link(text, address) => {
                let inner = Self::new(self.base).push(text, Line::Ends);
                self.styled(&[UNDERLINE], &inner, shown);
                if text != address {
                    self.styled(&[DIM], &format!(" ({address})"), shown);
                }
            }
        }
    }

    fn styled(&self, styles: &[[&str; 2]], text: &str, shown: &mut String) {
        for [on, _] in styles {
            shown.push_str(on);
        }
        shown.push_str(text);
        for [_, off] in styles {
            shown.push_str(off);
        }
        shown.push_str(self.base);
    }
}

fn find<'a>(text: &'a str, before: Option<char>, line: Line, lone: &mut Lone) -> Found<'a> {
    let first = text.chars().next().unwrap_or_default();
    match first {
        '\\' => escaped(text, line),
        '`' => code(text, line),
        '*' | '_' | '~' => emphasis(text, first, before, line, lone),
        '[' => link(text, line, lone),
        _ => Found::Text(
            text.find(['\\', '`', '*', '_', '~', '['])
                .unwrap_or(text.len()),
        ),
    }
}

/// Until the line ends it may still become a mark; then it is what it is.
fn unless_open(line: Line, length: usize) -> Found<'static> {
    match line {
        Line::GoesOn => Found::Open,
        Line::Ends => Found::Text(length),
    }
}

fn escaped(text: &str, line: Line) -> Found<'_> {
    match text[1..].chars().next() {
        Some(next) if next.is_ascii_punctuation() => Found::Mark(2, Marked::Escaped(&text[1..2])),
        Some(_) => Found::Text(1),
        None => unless_open(line, 1),
    }
}

/// How often the first character is repeated, in bytes.
fn run_length(text: &str, mark: char) -> usize {
    text.len() - text.trim_start_matches(mark).len()
}

fn code(text: &str, line: Line) -> Found<'_> {
    let marks = run_length(text, '`');
    if marks == text.len() {
        return unless_open(line, marks);
    }
    let mut at = marks;
    while let Some(next) = text[at..].find('`') {
        let run = run_length(&text[at + next..], '`');
        let end = at + next + run;
        if run == marks && (end < text.len() || line == Line::Ends) {
            let inner = &text[marks..at + next];
            let trimmed = inner.strip_prefix(' ').and_then(|s| s.strip_suffix(' '));
            return Found::Mark(end, Marked::Code(trimmed.unwrap_or(inner)));
        }
        at = end;
    }
    unless_open(line, marks)
}

fn emphasis<'a>(
    text: &'a str,
    mark: char,
    before: Option<char>,
    line: Line,
    lone: &mut Lone,
) -> Found<'a> {
    const STYLES: [[&str; 2]; 2] = [["\x1b[1m", "\x1b[22m"], ["\x1b[3m", "\x1b[23m"]];
    const STRUCK: [[&str; 2]; 1] = [["\x1b[9m", "\x1b[29m"]];
    let marks = run_length(text, mark);
    if marks == text.len() {
        return unless_open(line, marks);
    }
    let styles: &'static [_] = match (mark, marks) {
        ('~', 2) => &STRUCK,
        ('~', _) => return Found::Text(marks),
        (_, 1) => &STYLES[1..],
        (_, 2) => &STYLES[..1],
        (_, 3) => &STYLES,
        _ => return Found::Text(marks),
    };
    let opens = text[marks..]
        .chars()
        .next()
        .is_some_and(|c| !c.is_whitespace())
        && (mark == '*' || !before.is_some_and(char::is_alphanumeric));
    if !opens || lone.has(text, mark, marks) {
        return Found::Text(marks);
    }
    match closing(&text[marks..], mark, marks, line) {
        Some(length) => {
            let end = marks + length;
            Found::Mark(end + marks, Marked::Emphasis(styles, &text[marks..end]))
        }
        None => {
            lone.note(mark, marks);
            unless_open(line, marks)
        }
    }
}

/// Where the marks that close begin; code in between counts for nothing.
fn closing(text: &str, mark: char, marks: usize, line: Line) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let first = rest.chars().next()?;
        if first == '`' {
            at += match code(rest, line) {
                Found::Open => return None,
                Found::Text(length) | Found::Mark(length, _) => length,
            };
        } else if first == '\\' {
            at += 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
        } else if first == mark {
            let run = run_length(rest, mark);
            let after = rest[run..].chars().next();
            let is_told = after.is_some() || line == Line::Ends;
            let closes = text[..at]
                .chars()
                .next_back()
                .is_some_and(|c| !c.is_whitespace())
                && (mark != '_' || !after.is_some_and(char::is_alphanumeric));
            if run == marks && closes {
                return is_told.then_some(at);
            }
            at += run;
        } else {
            at += first.len_utf8();
        }
    }
    None
}

fn link<'a>(text: &'a str, line: Line, lone: &mut Lone) -> Found<'a> {
    if lone.has(text, '[', 1) {
        return Found::Text(1);
    }
    let Some(end) = text.find(']') else {
        lone.note('[', 1);
        return unless_open(line, 1);
    };
    let after = &text[end + 1..];
    if after.is_empty() {
        return unless_open(line, 1);
    }
    let Some(address) = after.strip_prefix('(') else {
        return Found::Text(1);
    };
    if lone.has(address, '(', 1) {
        return Found::Text(1);
    }
    match address.find([')', ' ']) {
        Some(length) if address[length..].starts_with(')') && end > 1 => {
            let marked = Marked::Link(&text[1..end], &address[..length]);
            Found::Mark(end + 2 + length + 1, marked)
        }
        Some(_) => Found::Text(1),
        None => {
            lone.note('(', 1);
            unless_open(line, 1)
        }
    }
}
