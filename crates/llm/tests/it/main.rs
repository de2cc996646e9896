//! Turns over real connections, against the scripted model server.

mod guide;
mod openai;
mod support;
