//! Chance as a parameter.

use std::fmt;

/// Where random bytes come from.
pub trait Random: Send + Sync + fmt::Debug {
    /// Fills `buffer` with unpredictable bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer)
            .expect("the kernel's random generator is there on every supported system");
    }
}
