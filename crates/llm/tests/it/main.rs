//! Turns over real connections, against the scripted model server.

mod anthropic;
mod gemini;
mod guide;
mod openai;
mod support;
