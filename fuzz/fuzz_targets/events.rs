//! See `fuzz/src/events.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sigmic_fuzz::events(data));
