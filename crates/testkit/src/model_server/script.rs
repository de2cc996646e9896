//! What the server answers to which request.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::{RecordedRequest, Reply};

/// A rule that finds a reply for each request.
pub struct Script(Box<Rule>);

type Rule = dyn Fn(&RecordedRequest) -> Reply + Send + Sync;

impl Script {
    /// These replies, one for each request. A further request is answered with a 400 that says so.
    pub fn queue(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Mutex::new(replies.into_iter().collect());
        Self::respond(move |_| next(&replies))
    }

    /// Whatever `rule` makes of a request.
    pub fn respond(rule: impl Fn(&RecordedRequest) -> Reply + Send + Sync + 'static) -> Self {
        Self(Box::new(rule))
    }

    /// A queue for each task, chosen by a text that the task's first user message contains; the
    /// first that fits wins. For many tasks at once.
    pub fn by_first_user_message<'a>(
        queues: impl IntoIterator<Item = (&'a str, Vec<Reply>)>,
    ) -> Self {
        let queues: Vec<_> = queues
            .into_iter()
            .map(|(text, replies)| (text.to_owned(), Mutex::new(replies.into())))
            .collect();
        Self::respond(move |request| {
            let said = request.first_user_text();
            queues
                .iter()
                .find(|(text, _)| said.contains(text))
                .map_or_else(exhausted, |(_, replies)| next(replies))
        })
    }

    pub(super) fn reply_to(&self, request: &RecordedRequest) -> Reply {
        (self.0)(request)
    }
}

impl From<Vec<Reply>> for Script {
    fn from(replies: Vec<Reply>) -> Self {
        Self::queue(replies)
    }
}

impl<const N: usize> From<[Reply; N]> for Script {
    fn from(replies: [Reply; N]) -> Self {
        Self::queue(replies)
    }
}

impl From<Reply> for Script {
    /// One request, one reply.
    fn from(reply: Reply) -> Self {
        Self::queue([reply])
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

fn next(replies: &Mutex<VecDeque<Reply>>) -> Reply {
    let mut replies = replies.lock().unwrap_or_else(PoisonError::into_inner);
    replies.pop_front().unwrap_or_else(exhausted)
}

/// 400, so that nobody tries again.
fn exhausted() -> Reply {
    Reply::error(
        400,
        "script_exhausted",
        "the test's script has no reply left",
    )
}
