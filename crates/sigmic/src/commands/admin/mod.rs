//! `sigmic admin …`: operator commands that talk to the database, beside a running server too.

mod audit;
mod command;
mod master_key;
mod people;
mod signing_keys;
mod usage;
mod widgets;

pub(crate) use command::run;
