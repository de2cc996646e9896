//! What a person sees of a task, and what a person is asked.

mod inline;
mod keys;
mod markdown;
mod progress;
mod questions;
mod text;
mod view;

pub(crate) use questions::{Answer, Questions};
pub(crate) use text::{clean, one_line};
pub(crate) use view::{Look, View};
