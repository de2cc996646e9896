//! The answer of a model in a terminal: its Markdown, shown as it comes. A line begins to appear
//! as soon as it is known what it is; marks inside it are [`Inline`]'s. What was shown is never
//! taken back, so there is nothing here that needs to see a later line: a table stays as it was
//! written, and a paragraph is broken by the terminal.

use super::inline::{Inline, Line};

const HEADING: &str = "\x1b[1m";
const FIRST_HEADING: &str = "\x1b[1;4m";
const CODE: &str = "\x1b[36m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";
/// Bytes of a line after which it is what it seems to be: no mark of a whole line is longer.
const MAX_HEAD_BYTES: usize = 2_000;
/// How long a line across the page is shown.
const RULE_CHARS: usize = 24;

/// A text of which pieces come.
#[derive(Debug, Default)]
pub(crate) struct Markdown {
    /// The marks that close the block of code that is open.
    fence: Option<String>,
    /// The beginning of a line, until it is known what it is.
    head: String,
    kind: Option<Kind>,
}

/// What a line is.
#[derive(Debug)]
enum Kind {
    /// As it was written, in a style.
    Raw(&'static str),
    /// With marks inside; the style of all of it.
    Text(Inline, &'static str),
}

impl Markdown {
    /// Takes a piece; answers what can be shown.
    pub(crate) fn push(&mut self, text: &str) -> String {
        let mut shown = String::new();
        let mut rest = text;
        while let Some((line, after)) = rest.split_once('\n') {
            shown.push_str(&self.piece(line, Line::Ends));
            shown.push('\n');
            rest = after;
        }
        shown.push_str(&self.piece(rest, Line::GoesOn));
        shown
    }

    /// What was held back, at the end of the text. The next text begins anew.
    pub(crate) fn end(&mut self) -> String {
        let shown = self.piece("", Line::Ends);
        *self = Self::default();
        shown
    }

    fn piece(&mut self, text: &str, line: Line) -> String {
        let mut shown = String::new();
        let mut rest = text.to_owned();
        if self.kind.is_none() {
            self.head.push_str(text);
            if self.head.is_empty() {
                return shown;
            }
            let told = if self.head.len() > MAX_HEAD_BYTES {
                Line::Ends
            } else {
                line
            };
            let Some((kind, taken)) = self.begin(told, &mut shown) else {
                return shown;
            };
            self.kind = Some(kind);
            rest = std::mem::take(&mut self.head).split_off(taken);
        }
        match &mut self.kind {
            Some(Kind::Raw(style)) if !style.is_empty() && !rest.is_empty() => {
                shown.push_str(&format!("{style}{rest}{RESET}"));
            }
            Some(Kind::Raw(_)) => shown.push_str(&rest),
            Some(Kind::Text(inline, style)) => {
                let inner = inline.push(&rest, line);
                if style.is_empty() || inner.is_empty() {
                    shown.push_str(&inner);
                } else {
                    shown.push_str(&format!("{style}{inner}{RESET}"));
                }
            }
            None => {}
        }
        if line == Line::Ends {
            self.kind = None;
        }
        shown
    }

    /// What a line is that begins with `head`, and how many bytes of it are its mark, for which
    /// something else was shown; `None` while that cannot be told.
    fn begin(&mut self, line: Line, shown: &mut String) -> Option<(Kind, usize)> {
        if let Some(fence) = self.fence.take() {
            return self.in_block(fence, line);
        }
        let told = line == Line::Ends;
        let body = self.head.trim_start_matches(' ');
        let indent = self.head.len() - body.len();
        let first = body.chars().next();
        let marks = first.map_or(0, |c| body.len() - body.trim_start_matches(c).len());
        let after = &body[marks..];
        match first {
            Some('`' | '~') if marks >= 3 || (after.is_empty() && !told) => {
                if !told {
                    return None;
                }
                if after.contains('`') {
                    return Some((text(""), 0));
                }
                self.fence = Some(body[..marks].to_owned());
                Some((Kind::Raw(DIM), 0))
            }
            Some('#') if marks <= 6 && after.starts_with(' ') => {
                let style = if marks == 1 { FIRST_HEADING } else { HEADING };
                Some((text(style), indent + marks + 1))
            }
            Some('|') => Some((Kind::Raw(""), 0)),
            Some('>') if body.len() > 1 || told => {
                shown.push_str(&format!("{DIM}{}│{RESET} ", &self.head[..indent]));
                let space = usize::from(body[1..].starts_with(' '));
                Some((text(""), indent + 1 + space))
            }
            Some('-' | '*' | '+' | '_') => self.rule_or_item(body, line, shown),
            Some('#') if marks <= 6 && after.is_empty() && !told => None,
            Some('>') | None if !told => None,
            Some(_) | None => Some((text(""), 0)),
        }
    }

    /// A line while a block of code is open.
    fn in_block(&mut self, fence: String, line: Line) -> Option<(Kind, usize)> {
        let marks = self.head.trim();
        let is_mark = marks.chars().all(|c| fence.starts_with(c));
        if is_mark && line == Line::GoesOn {
            self.fence = Some(fence);
            return None;
        }
        if is_mark && marks.len() >= fence.len() {
            return Some((Kind::Raw(DIM), 0));
        }
        self.fence = Some(fence);
        Some((Kind::Raw(CODE), 0))
    }

    /// A line that begins with a mark of lists or of lines across the page.
    fn rule_or_item(&self, body: &str, line: Line, shown: &mut String) -> Option<(Kind, usize)> {
        let mark = body.chars().next()?;
        let indent = self.head.len() - body.len();
        if body.chars().all(|c| c == mark || c == ' ') {
            if line == Line::GoesOn {
                return None;
            }
            if mark != '+' && body.chars().filter(|c| *c == mark).count() >= 3 {
                shown.push_str(&format!("{DIM}{}{RESET}", "─".repeat(RULE_CHARS)));
                return Some((Kind::Raw(""), self.head.len()));
            }
        }
        if mark != '_' && body[1..].starts_with(' ') {
            shown.push_str(&format!("{}• ", &self.head[..indent]));
            return Some((text(""), indent + 2));
        }
        Some((text(""), 0))
    }
}

fn text(style: &'static str) -> Kind {
    Kind::Text(Inline::new(style), style)
}

#[cfg(test)]
#[path = "markdown_tests.rs"]
mod tests;
