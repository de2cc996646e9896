//! What the server and a sandbox's init say to each other, and how it is framed.
//!
//! The channel is a `SOCK_SEQPACKET` socket pair: one message is one packet of JSON, descriptors
//! travel beside it. The server trusts no length, count or descriptor it gets from the other end.

mod frame;
mod message;

pub(crate) use frame::{receive, send};
pub(crate) use message::{
    Counted, Listen, MAX_NOTE_BYTES, MAX_ORDER_BYTES, Note, Order, ProbeInput, ProbeOutcome,
    Program, Run, RunLimits, Start, Stop,
};
