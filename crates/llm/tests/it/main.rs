//! Turns over real connections, against the scripted model server.

mod openai;
mod support;
