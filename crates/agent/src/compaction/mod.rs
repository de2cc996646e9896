//! Keeping a conversation within its model's window: its older part is summarized by the model
//! itself, the summary is a row of the journal, and the model is shown it in the place of that part
//! from then on.
//!
//! `size` says how large a request is, `plan` (pure) what is cut off, `summary` what the model is
//! asked and what stands in when it answers nothing, `compact` does it.

mod compact;
mod plan;
mod size;
mod summary;

pub(crate) use compact::{Cause, Compaction};
