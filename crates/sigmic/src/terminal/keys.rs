//! Single keys of a terminal.

use std::io::stdin;

use rustix::termios::{LocalModes, OptionalActions, QueueSelector, Termios};
use rustix::termios::{tcflush, tcgetattr, tcsetattr};

/// While it lives, standard input gives each key at once and the terminal shows none of them.
/// Ctrl-C stays a signal.
#[derive(Debug)]
pub(super) struct SingleKeys(Termios);

impl SingleKeys {
    /// Forgets what was typed before: it was no answer to what is asked now. `None` where standard
    /// input is no terminal.
    pub(super) fn begin() -> Option<Self> {
        let before = tcgetattr(stdin()).ok()?;
        let mut single = before.clone();
        single
            .local_modes
            .remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(stdin(), OptionalActions::Now, &single).ok()?;
        // Nothing to forget is no failure.
        let _ = tcflush(stdin(), QueueSelector::IFlush);
        Some(Self(before))
    }
}

impl Drop for SingleKeys {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}
