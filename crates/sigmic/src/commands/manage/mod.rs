//! `sigmic projects|keys|widgets …`: an organization's settings over the API, one call a command.

pub(crate) mod keys;
mod manager;
pub(crate) mod projects;
pub(crate) mod widgets;
