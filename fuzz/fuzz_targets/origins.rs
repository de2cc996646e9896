//! See `fuzz/src/origins.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sigmic_fuzz::origins(data));
