//! The wire, as clients read it.

mod bodies;
mod frames;
mod projector;
mod script;
