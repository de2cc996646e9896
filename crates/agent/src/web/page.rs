//! From a page of HTML to a text that can be read: Markdown, as far as its elements have a
//! counterpart there.
//!
//! Only the tokenizer of an HTML parser is used: it takes what comes, piece by piece, and builds no
//! tree that a hostile page could make too deep.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use url::Url;

use super::address;

/// Time that a page gets; what it has given by then is what there is.
const MAX_TIME: Duration = Duration::from_secs(2);
/// Bytes that are read between two looks at the time.
const PIECE_BYTES: usize = 4_096;

/// A page that was read.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) title: String,
    pub(super) text: String,
    /// Whether there is more.
    pub(super) cut: bool,
}

/// Reads a page found at `base`, until it has given `max_bytes` of text. Blocks.
pub(super) fn read(html: &str, base: &Url, max_bytes: usize) -> Page {
    let reader = Reader(RefCell::new(Reading::new(base.clone(), max_bytes)));
    let tokenizer = Tokenizer::new(reader, TokenizerOpts::default());
    let input = BufferQueue::default();
    let started = Instant::now();
    let mut rest = html;
    let mut cut = false;
    while !rest.is_empty() {
        let mut end = rest.len().min(PIECE_BYTES);
        while !rest.is_char_boundary(end) {
            end += 1;
        }
        let (piece, after) = rest.split_at(end);
        rest = after;
        input.push_back(StrTendril::from(piece));
        // Its result asks for scripts to be run, which is not done.
        let _ = tokenizer.feed(&input);
        if tokenizer.sink.0.borrow().is_full() || started.elapsed() > MAX_TIME {
            cut = true;
            break;
        }
    }
    if !cut {
        tokenizer.end();
    }
    let reading = tokenizer.sink.0.take();
    Page {
        title: words(&reading.title),
        text: reading.text.trim().to_owned(),
        cut,
    }
}

fn words(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().take(50).collect();
    words.join(" ")
}

struct Reader(RefCell<Reading>);

#[derive(Default)]
struct Reading {
    base: Option<Url>,
    max_bytes: usize,
    title: String,
    text: String,
    /// The element whose content is left out, and how often it is open.
    skipping: Option<(String, usize)>,
    in_title: bool,
    preformatted: usize,
    /// Where the open link leads.
    link: Option<String>,
    /// Whether white space stands before what comes next.
    space: bool,
}

/// Elements that are not for readers.
const SKIPPED: [&str; 10] = [
    "script", "style", "template", "svg", "iframe", "noembed", "noframes", "object", "canvas",
    "select",
];
/// Elements that stand apart from what is around them.
const BLOCKS: [&str; 33] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "caption",
    "dd",
    "details",
    "dialog",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "hr",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tbody",
    "tfoot",
    "thead",
    "title",
    "ul",
    "center",
];

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let mut reading = self.0.borrow_mut();
        match token {
            Token::CharacterTokens(text) => reading.characters(&text),
            Token::TagToken(tag) => {
                let name = tag.name.to_string();
                match tag.kind {
                    TagKind::StartTag => reading.start(&name, &tag),
                    TagKind::EndTag => reading.end(&name),
                }
                if tag.kind == TagKind::StartTag && !tag.self_closing {
                    return content_of(&name);
                }
            }
            Token::DoctypeToken(_)
            | Token::CommentToken(_)
            | Token::NullCharacterToken
            | Token::EOFToken
            | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

/// How the content of an element is to be read.
fn content_of(name: &str) -> TokenSinkResult<()> {
    match name {
        "script" => TokenSinkResult::RawData(RawKind::ScriptData),
        "style" | "xmp" | "iframe" | "noembed" | "noframes" => {
            TokenSinkResult::RawData(RawKind::Rawtext)
        }
        "textarea" | "title" => TokenSinkResult::RawData(RawKind::Rcdata),
        "plaintext" => TokenSinkResult::Plaintext,
        _ => TokenSinkResult::Continue,
    }
}

impl Reading {
    fn new(base: Url, max_bytes: usize) -> Self {
        Self {
            base: Some(base),
            max_bytes,
            ..Self::default()
        }
    }

    fn is_full(&self) -> bool {
        self.text.len() > self.max_bytes
    }

    fn characters(&mut self, text: &str) {
        if self.skipping.is_some() {
            return;
        }
        if self.in_title {
            if self.title.len() < 1_000 {
                self.title.push_str(text);
            }
            return;
        }
        if self.preformatted > 0 {
            self.text.push_str(text);
            return;
        }
        for (at, word) in text.split(char::is_whitespace).enumerate() {
            self.space |= at > 0;
            if !word.is_empty() {
                self.say(word);
            }
        }
    }

    /// Appends what is no white space, after the white space that is due.
    fn say(&mut self, text: &str) {
        let begins = self.text.is_empty() || self.text.ends_with(['\n', ' ', '[']);
        if std::mem::take(&mut self.space) && !begins {
            self.text.push(' ');
        }
        self.text.push_str(text);
    }

    /// Ends the line; a second end makes a paragraph.
    fn break_line(&mut self, lines: usize) {
        self.space = false;
        if self.preformatted == 0 {
            self.text.truncate(self.text.trim_end_matches(' ').len());
        }
        let ended = self.text.len() - self.text.trim_end_matches('\n').len();
        if !self.text.is_empty() {
            let missing = lines.saturating_sub(ended);
            self.text.extend(std::iter::repeat_n('\n', missing));
        }
    }

    fn start(&mut self, name: &str, tag: &Tag) {
        if let Some((skipped, depth)) = &mut self.skipping {
            *depth += usize::from(skipped == name && !tag.self_closing);
            return;
        }
        if SKIPPED.contains(&name) {
            if !tag.self_closing {
                self.skipping = Some((name.to_owned(), 1));
            }
            return;
        }
        match name {
            "title" => self.in_title = true,
            "br" => self.break_line(1),
            "li" => {
                self.break_line(1);
                self.say("- ");
            }
            "tr" => self.break_line(1),
            "td" | "th" if !self.text.is_empty() && !self.text.ends_with('\n') => self.say(" | "),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.break_line(2);
                let level = name.trim_start_matches('h').parse().unwrap_or(1);
                self.say(&format!("{} ", "#".repeat(level)));
            }
            "pre" => {
                self.break_line(2);
                self.text.push_str("```\n");
                self.preformatted += 1;
            }
            "a" => self.open_link(attribute(tag, "href")),
            "img" => {
                if let Some(alt) = attribute(tag, "alt").filter(|alt| !alt.trim().is_empty()) {
                    self.say(&format!("[image: {}]", words(alt)));
                }
            }
            _ if BLOCKS.contains(&name) => self.break_line(2),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if let Some((skipped, depth)) = &mut self.skipping {
            if skipped == name {
                *depth -= 1;
                if *depth == 0 {
                    self.skipping = None;
                }
            }
            return;
        }
        match name {
            "title" => self.in_title = false,
            "pre" if self.preformatted > 0 => {
                self.preformatted -= 1;
                self.break_line(1);
                self.text.push_str("```");
                self.break_line(2);
            }
            "a" => self.close_link(),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.break_line(2),
            "li" | "tr" => self.break_line(1),
            _ if BLOCKS.contains(&name) => self.break_line(2),
            _ => {}
        }
    }

    fn open_link(&mut self, href: Option<&str>) {
        self.close_link();
        let leads = |href: &str| {
            let inside = href.starts_with('#') || href.is_empty();
            let base = self.base.as_ref().filter(|_| !inside)?;
            address::join(base, href).ok()
        };
        if let Some(to) = href.and_then(leads) {
            self.say("[");
            self.link = Some(to.into());
        }
    }

    /// A link without a word, as of an image, is none for a reader.
    fn close_link(&mut self) {
        let Some(to) = self.link.take() else { return };
        if let Some(before) = self.text.strip_suffix('[') {
            self.text.truncate(before.len());
        } else {
            self.text.push_str("](");
            self.text.push_str(&to);
            self.text.push(')');
        }
    }
}

fn attribute<'a>(tag: &'a Tag, name: &str) -> Option<&'a str> {
    let found = tag
        .attrs
        .iter()
        .find(|attribute| &*attribute.name.local == name);
    found.map(|attribute| &*attribute.value)
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
