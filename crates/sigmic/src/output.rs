//! What people and programs read from the command line: results on standard output, everything
//! about them on standard error. Colours only on a terminal and without `NO_COLOR`.

use std::io::{IsTerminal as _, Write};

use serde::Serialize;

use crate::failure::Failure;
use crate::terminal::clean;

/// Where a command writes.
pub(crate) struct Output {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
}

impl Output {
    /// The process's own.
    pub(crate) fn standard() -> Self {
        Self {
            out: Box::new(anstream::stdout()),
            err: Box::new(anstream::stderr()),
        }
    }

    /// One line of a result. When nobody reads any more (a closed pipe), nothing is said.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) {
        let _ = writeln!(self.out, "{}", text.as_ref());
        let _ = self.out.flush();
    }

    /// A piece of a result.
    pub(crate) fn piece(&mut self, text: &str) {
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
        let _ = writeln!(self.err, "{}", text.as_ref());
    }

    /// A question, without a line break.
    pub(crate) fn question(&mut self, text: &str) {
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
