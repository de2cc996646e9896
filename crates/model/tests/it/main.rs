//! What must stay true of things that were stored, and of texts that strangers send.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod golden;
mod ids;
mod text;
