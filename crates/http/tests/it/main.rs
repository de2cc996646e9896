//! The API through a real socket: a real database, the real sandbox, a scripted model. Module tree
//! and URL tree are the same; what a check of the conformance list asks for is shown by the test
//! that carries its number.

mod create;
mod stream;

testkit::install_test_hook!();
