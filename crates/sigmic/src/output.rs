//! What people and programs read from the command line: results on standard output, everything
//! about them on standard error. Colours only on a terminal and without `NO_COLOR`.

use std::io::{IsTerminal as _, Write};

use serde::Serialize;

use crate::failure::Failure;
use crate::terminal::{Look, clean, one_line};

/// Where a command writes.
pub(crate) struct Output {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    look: Look,
    footer: Footer,
}

/// Whether the last line of the terminal is one that goes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Footer {
    Absent,
    Shown,
}

/// What a terminal has that does not say.
const USUAL_COLUMNS: usize = 80;
/// The mark before the last line, and one column that stays empty.
const MARK_COLUMNS: usize = 3;
/// Takes a line away that was not ended.
const ERASE_LINE: &str = "\r\x1b[2K";

impl Output {
    /// The process's own.
    pub(crate) fn standard() -> Self {
        let look = match anstream::AutoStream::choice(&std::io::stdout()) {
            anstream::ColorChoice::Never => Look::Plain,
            anstream::ColorChoice::Auto
            | anstream::ColorChoice::AlwaysAnsi
            | anstream::ColorChoice::Always => Look::Rich,
        };
        Self {
            out: Box::new(anstream::stdout()),
            err: Box::new(anstream::stderr()),
            look,
            footer: Footer::Absent,
        }
    }

    /// For what eyes standard output is.
    pub(crate) fn look(&self) -> Look {
        self.look
    }

    /// Shows a line below everything else, in the place of the last such, until something else is
    /// written.
    pub(crate) fn footer(&mut self, text: Option<&str>) {
        self.end_footer();
        if let Some(text) = text {
            // Neither broken nor as long as to be: only one line can be taken away.
            let size = rustix::termios::tcgetwinsize(std::io::stdout());
            let columns = size.map_or(0, |size| usize::from(size.ws_col));
            let columns = if columns == 0 { USUAL_COLUMNS } else { columns };
            let text = one_line(text, columns.saturating_sub(MARK_COLUMNS));
            let _ = write!(self.out, "\x1b[2m⋯ {text}\x1b[0m");
            let _ = self.out.flush();
            self.footer = Footer::Shown;
        }
    }

    /// Takes the line below everything else away.
    pub(crate) fn end_footer(&mut self) {
        if self.footer == Footer::Shown {
            self.footer = Footer::Absent;
            let _ = self.out.write_all(ERASE_LINE.as_bytes());
            let _ = self.out.flush();
        }
    }

    /// One line of a result. When nobody reads any more (a closed pipe), nothing is said.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) {
        self.end_footer();
        let _ = writeln!(self.out, "{}", text.as_ref());
        let _ = self.out.flush();
    }

    /// A piece of a result.
    pub(crate) fn piece(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.end_footer();
        let _ = self.out.write_all(text.as_bytes());
        let _ = self.out.flush();
    }

    /// A result for programs: JSON on one line.
    pub(crate) fn json(&mut self, value: &impl Serialize) {
        let text = serde_json::to_string(value).expect("results hold only JSON values");
        self.line(text);
    }

    /// One line about the result.
    pub(crate) fn note(&mut self, text: impl AsRef<str>) {
        self.end_footer();
        let _ = writeln!(self.err, "{}", text.as_ref());
    }

    /// A question, without a line break.
    pub(crate) fn question(&mut self, text: &str) {
        self.end_footer();
        let _ = self.err.write_all(text.as_bytes());
        let _ = self.err.flush();
    }

    pub(crate) fn failure(&mut self, failure: &Failure) {
        if let Some(message) = failure.message() {
            // It may quote a server.
            let message = clean(&message);
            self.note(format!("\x1b[1;31msigmic:\x1b[0m {message}"));
        }
    }
}

/// Whether a person may answer questions.
pub(crate) fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}
