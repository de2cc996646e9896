//! The API through a real socket: a real database, the real sandbox, a scripted model. Module tree
//! and URL tree are the same; what a check of the conformance list asks for is shown by the test
//! that carries its number.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod create;
mod stream;

testkit::install_test_hook!();
