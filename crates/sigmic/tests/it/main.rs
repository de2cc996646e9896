//! Tests of the program as a child process.
